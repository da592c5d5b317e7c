import { Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

interface SectionProps {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  /** Without a frame, for what has its own. */
  isBare?: boolean;
  children: ReactNode;
}

/** A part of a page under its heading. */
export function Section({ title, lead, actions, isBare = false, children }: SectionProps) {
  return (
    <Stack component="section" gap="sm" mb="xl">
      <Group justify="space-between" align="flex-end" gap="sm">
        <Stack gap={2}>
          <Title order={2} size="h4">
            {title}
          </Title>
          {lead !== undefined && (
            <Text size="sm" c="dimmed" maw={720} component="div">
              {lead}
            </Text>
          )}
        </Stack>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {isBare ? (
        children
      ) : (
        <div className="surface" style={{ padding: "14px 16px" }}>
          {children}
        </div>
      )}
    </Stack>
  );
}
