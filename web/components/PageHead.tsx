import { Group, Stack, Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";

interface PageHeadProps {
  title: string;
  /** One sentence on what the page is for. */
  lead?: ReactNode;
  /** What can be done with the whole page. */
  actions?: ReactNode;
  /** Where the page belongs, above its title. */
  above?: ReactNode;
}

/** A page's title, which also names the window. */
export function PageHead({ title, lead, actions, above }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · Rackbond`;
  }, [title]);
  return (
    <Group justify="space-between" align="flex-end" gap="md" mb="lg">
      <Stack gap={4} maw={760}>
        {above}
        <Title order={1} size="h2">
          {title}
        </Title>
        {lead !== undefined && (
          <Text c="dimmed" component="div">
            {lead}
          </Text>
        )}
      </Stack>
      {actions !== undefined && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}
