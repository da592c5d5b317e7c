import { Group, Progress, Text } from "@mantine/core";
import { percentText } from "../../format.ts";
import { useLanguage } from "../../language.tsx";

/** A part as a bar with its figure. */
export function UtilizationBar({ bps }: { bps: number }) {
  const { language } = useLanguage();
  return (
    <Group gap="xs" wrap="nowrap" miw={130}>
      <Progress value={bps / 100} w={70} size="sm" aria-hidden />
      <Text component="span" size="sm">
        {percentText(bps, language, 1)}
      </Text>
    </Group>
  );
}
