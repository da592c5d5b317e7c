import { useQuery } from "@tanstack/react-query";
import { SimpleGrid, Stack, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { DeviceProofSchema, requireForm, type DeviceProof } from "../../../server/protocol/proof.ts";
import { readProofFile, type ProofOrigin } from "../../../server/protocol/proofFile.ts";
import { proveHour, type ProofGround } from "../../../server/protocol/proofSteps.ts";
import { Refusal } from "../../../server/protocol/refusal.ts";
import { useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Empty, Loading } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { proofWords } from "../../words/auditProof.ts";
import { Against, type AgainstWhat } from "./Against.tsx";
import { domainIn, groundOfApi, groundOfFacts, NO_FACTS } from "./ground.ts";
import { Notice } from "./Notice.tsx";
import { Outcome } from "./Outcome.tsx";
import { ProofSource } from "./ProofSource.tsx";

/** Computations of this page ask no network, or the wallet: they run while the browser is offline too. */
const LOCAL = { networkMode: "always", retry: false, gcTime: 0, structuralSharing: false } as const;

export default function ProofPage() {
  const words = useWords(proofWords);
  const [text, setText] = useState("");
  const [against, setAgainst] = useState<AgainstWhat>("api");
  const [facts, setFacts] = useState(NO_FACTS);
  const { wallet } = useWallet();
  const deployment = useAnswer("/v1/deployment").data;
  const read = useMemo(() => readText(text), [text]);
  const ownOrigin: ProofOrigin | undefined = deployment && {
    chainId: deployment.chainId,
    telemetry: deployment.addresses.telemetry,
    registry: deployment.addresses.registry,
  };
  const origin = ownOrigin ?? read.origin;
  const { whole } = read;

  const asked = useQuery({
    queryKey: ["proof ground", against, wallet?.info.uuid, origin, whole && placeOf(whole)],
    queryFn: async (): Promise<ProofGround> => {
      if (whole === undefined || origin === undefined) return {};
      if (against === "api") return await groundOfApi(whole, origin);
      if (wallet === undefined) return domainIn(origin);
      const { groundOfChain } = await import("./chainGround.ts");
      return await groundOfChain(wallet.provider, origin, whole);
    },
    enabled: whole !== undefined && against !== "facts",
    ...LOCAL,
  });
  const ground =
    against === "facts" && whole !== undefined ? groundOfFacts(whole, origin, facts) : (asked.data ?? domainIn(origin));
  const outcome = useQuery({
    queryKey: ["proof", text, against, against === "facts" ? facts : asked.dataUpdatedAt, origin],
    queryFn: () => proveHour(read.proof, ground),
    enabled: text !== "" && read.refusal === undefined,
    ...LOCAL,
  });
  const isOtherSystem = read.origin !== undefined && ownOrigin !== undefined && !isSameOrigin(read.origin, ownOrigin);

  return (
    <>
      <PageHead title={words.title} lead={words.lead} />
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl" verticalSpacing={0}>
        <div>
          <Section title={words.source}>
            <ProofSource text={text} onText={setText} origin={ownOrigin} />
          </Section>
          <Section title={words.against}>
            <Stack gap="sm">
              <Against
                what={against}
                onWhat={setAgainst}
                facts={facts}
                onFacts={setFacts}
                isServerKnown={ownOrigin !== undefined}
                failure={asked.error}
              />
              {origin !== undefined && (
                <Text size="sm" component="div" c="dimmed">
                  {words.origin}: {words.originChain(String(origin.chainId))} <AddressText value={origin.telemetry} />{" "}
                  {ownOrigin ? words.originServer : words.originFile}
                </Text>
              )}
              {isOtherSystem && (
                <Text size="sm" className="warn" role="status">
                  {words.otherSystem}
                </Text>
              )}
            </Stack>
          </Section>
        </div>
        <div>
          {text === "" && (
            <div className="surface">
              <Empty title={words.emptyTitle}>{words.emptyHint}</Empty>
            </div>
          )}
          {text !== "" && read.refusal !== undefined && (
            <Notice tone="bad" title={words.broken}>
              <span className="mono" style={{ wordBreak: "break-all" }}>
                {read.refusal.message}
              </span>
            </Notice>
          )}
          {text !== "" && read.refusal === undefined && outcome.data === undefined && <Loading lineCount={8} />}
          {text !== "" && read.refusal === undefined && outcome.data !== undefined && (
            <Outcome hour={outcome.data} ground={ground} isAsking={asked.isFetching} />
          )}
        </div>
      </SimpleGrid>
    </>
  );
}

interface Read {
  proof?: unknown;
  origin?: ProofOrigin | undefined;
  /** The proof, where it has the form of one. */
  whole?: DeviceProof | undefined;
  refusal?: Refusal;
}

function readText(text: string): Read {
  if (text === "") return {};
  try {
    const { origin, proof } = readProofFile(text);
    return { origin, proof, whole: wholeOf(proof) };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error };
    throw error;
  }
}

function wholeOf(proof: unknown): DeviceProof | undefined {
  try {
    requireForm(DeviceProofSchema, proof);
    return proof as DeviceProof;
  } catch {
    return undefined;
  }
}

/** What the ground of a proof depends on. */
function placeOf({ leaf, reportHash, transactionHash }: DeviceProof): string {
  return [leaf.epoch, leaf.lotId, leaf.nodeId, leaf.device.deviceId, reportHash, transactionHash].join(" ");
}

function isSameOrigin(one: ProofOrigin, other: ProofOrigin): boolean {
  return (
    one.chainId === other.chainId &&
    one.telemetry.toLowerCase() === other.telemetry.toLowerCase() &&
    one.registry.toLowerCase() === other.registry.toLowerCase()
  );
}
