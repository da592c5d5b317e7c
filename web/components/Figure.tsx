import { Text } from "@mantine/core";
import type { ReactNode } from "react";

interface FigureProps {
  label: ReactNode;
  children: ReactNode;
  /** What the figure is made of, or where it comes from. */
  note?: ReactNode;
  tone?: "good" | "bad" | "warn" | undefined;
}

/** One figure with its name. Several stand in a <Figures>. */
export function Figure({ label, children, note, tone }: FigureProps) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {label}
      </Text>
      <Text component="dd" className={`figures ${tone ?? ""}`} fz="1.35rem" fw={600} lh={1.35} m={0}>
        {children}
      </Text>
      {note !== undefined && (
        <Text component="dd" size="xs" c="dimmed" m={0}>
          {note}
        </Text>
      )}
    </div>
  );
}

/** Figures beside one another. */
export function Figures({ children }: { children: ReactNode }) {
  return <dl className="figures-row">{children}</dl>;
}
