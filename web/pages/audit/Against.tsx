import { Radio, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { proofWords } from "../../words/auditProof.ts";
import type { TypedFacts } from "./ground.ts";

/** Who says what the chain has. */
export type AgainstWhat = "api" | "wallet" | "facts";

interface AgainstProps {
  what: AgainstWhat;
  onWhat: (what: AgainstWhat) => void;
  facts: TypedFacts;
  onFacts: (facts: TypedFacts) => void;
  isServerKnown: boolean;
  failure: Error | null;
}

/** Chooses what a proof is compared with. */
export function Against({ what, onWhat, facts, onFacts, isServerKnown, failure }: AgainstProps) {
  const words = useWords(proofWords);
  const { wallet } = useWallet();
  const fields: [keyof TypedFacts, string][] = [
    ["readingsRoot", words.factRoot],
    ["dataHash", words.factData],
    ["devicesReportingCount", words.factCount],
    ["publicX", words.factX],
    ["publicY", words.factY],
  ];
  return (
    <Stack gap="sm">
      <Radio.Group value={what} onChange={(value) => onWhat(value)} aria-label={words.against}>
        <Stack gap="xs">
          <Radio value="api" label={words.againstApi} description={words.againstApiHint} />
          <Radio value="wallet" label={words.againstWallet} description={words.againstWalletHint} />
          <Radio value="facts" label={words.againstFacts} description={words.againstFactsHint} />
        </Stack>
      </Radio.Group>
      {what === "wallet" && wallet === undefined && <Warning>{words.noWallet}</Warning>}
      {what === "api" && !isServerKnown && <Warning>{words.noServer}</Warning>}
      {what !== "facts" && failure !== null && (
        <Text size="sm" className="bad" role="alert">
          {words.factsFailed}: {failure.message}
        </Text>
      )}
      {what === "facts" && (
        <>
          <Text size="sm" c="dimmed">
            {words.factsHint}
          </Text>
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
            {fields.map(([name, label]) => (
              <TextInput
                key={name}
                label={label}
                value={facts[name]}
                classNames={{ input: "mono" }}
                onChange={(event) => onFacts({ ...facts, [name]: event.currentTarget.value.trim() })}
              />
            ))}
          </SimpleGrid>
        </>
      )}
    </Stack>
  );
}

function Warning({ children }: { children: string }) {
  return (
    <Text size="sm" className="warn" role="status">
      {children}
    </Text>
  );
}
