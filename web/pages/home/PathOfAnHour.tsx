import { SimpleGrid, Text } from "@mantine/core";
import { Link } from "wouter";
import { Section } from "../../components/Section.tsx";
import { useWords } from "../../language.tsx";
import { homeWords } from "../../words/home.ts";

/** What the system is, in four steps. */
export function PathOfAnHour() {
  const words = useWords(homeWords);
  const steps = [
    [words.how1, words.how1Text],
    [words.how2, words.how2Text],
    [words.how3, words.how3Text],
    [words.how4, words.how4Text],
  ] as const;
  return (
    <Section title={words.how} actions={<Link href="/audit">{words.proveOne}</Link>}>
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} component="ol" m={0} p={0} style={{ listStyle: "none" }}>
        {steps.map(([title, text], place) => (
          <li key={title}>
            <Text size="sm" c="dimmed" className="figures" aria-hidden="true">
              {place + 1}
            </Text>
            <Text fw={600}>{title}</Text>
            <Text size="sm" c="dimmed">
              {text}
            </Text>
          </li>
        ))}
      </SimpleGrid>
    </Section>
  );
}
