import { Button, CopyButton, Group, Stack, Text } from "@mantine/core";
import { Glyph } from "../../components/Glyph.tsx";
import { useWords } from "../../language.tsx";
import { agentWords } from "../../words/agent.ts";

interface CopyBlockProps {
  title: string;
  text: string;
  /** Where it is to be put. */
  place?: string;
  /** The name it is downloaded under. */
  file?: string;
}

/** Text to take along, with a button that copies all of it. */
export function CopyBlock({ title, text, place, file }: CopyBlockProps) {
  const words = useWords(agentWords);
  return (
    <Stack gap={6}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={600}>
          {title}
          {place !== undefined && (
            <Text span size="sm" c="dimmed" fw={400} className="mono">
              {"  "}
              {place}
            </Text>
          )}
        </Text>
        <Group gap={4}>
          {file !== undefined && (
            <Button
              component="a"
              href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
              download={file}
              variant="subtle"
              size="compact-xs"
              leftSection={<Glyph name="download" size={14} />}
            >
              {words.download}
            </Button>
          )}
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button
                variant="subtle"
                size="compact-xs"
                onClick={copy}
                leftSection={<Glyph name={copied ? "check" : "copy"} size={14} />}
              >
                {copied ? words.copied : words.copy}
              </Button>
            )}
          </CopyButton>
        </Group>
      </Group>
      <pre
        className="mono surface"
        tabIndex={0}
        aria-label={title}
        style={{ margin: 0, padding: "12px 14px", overflowX: "auto", fontSize: "0.82rem", lineHeight: 1.55 }}
      >
        {text.trimEnd()}
      </pre>
    </Stack>
  );
}
