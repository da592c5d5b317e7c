import { Group, Loader, Stack, Text, ThemeIcon } from "@mantine/core";
import type { ReactNode } from "react";
import { Glyph } from "./Glyph.tsx";

export type StepState = "waiting" | "running" | "done" | "failed";

interface StepProps {
  place: number;
  title: ReactNode;
  state: StepState;
  children?: ReactNode;
}

const COLORS = { waiting: "gray", running: "rack", done: "green", failed: "red" } as const;

/** One step of several that follow one another, and how it went. */
export function Step({ place, title, state, children }: StepProps) {
  return (
    <Group wrap="nowrap" align="flex-start" gap="sm" aria-current={state === "running" ? "step" : undefined}>
      <ThemeIcon radius="xl" size={26} variant={state === "waiting" ? "default" : "light"} color={COLORS[state]}>
        {state === "done" && <Glyph name="check" size={14} />}
        {state === "failed" && <Glyph name="close" size={14} />}
        {state === "running" && <Loader size={14} />}
        {state === "waiting" && <Text size="xs">{place}</Text>}
      </ThemeIcon>
      <Stack gap={2} style={{ flex: 1, minWidth: 0 }} pt={2}>
        <Text fw={600} size="sm" component="div" className={state === "failed" ? "bad" : ""}>
          {title}
        </Text>
        {children}
      </Stack>
    </Group>
  );
}
