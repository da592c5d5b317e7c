import { Alert, Button, Checkbox, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { AGENT_PLACES, AGENT_UNIT, agentEnvironment } from "../../../server/protocol/agentSettings.ts";
import type { LotDetail } from "../../../server/protocol/api.ts";
import type { NodeRecord } from "../../../server/protocol/apiRegistry.ts";
import { useAnswer, useList, type ListAnswer } from "../../api.tsx";
import { Glyph } from "../../components/Glyph.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText, epochText, shortHex } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { agentWords } from "../../words/agent.ts";
import { CopyBlock } from "./CopyBlock.tsx";
import { useWhose } from "./whose.ts";

const MAKE_KEY = `openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out ${AGENT_PLACES.key}
chmod 600 ${AGENT_PLACES.key} && chown rackbond ${AGENT_PLACES.key}
openssl ec -in ${AGENT_PLACES.key} -pubout -out "$(hostname).pem"
`;
const START = `sudo systemctl daemon-reload
sudo systemctl enable --now rackbond-agent
curl -s http://127.0.0.1:9464/healthz
`;

/** What a host's agent is told, to copy. */
export default function AgentPage() {
  const words = useWords(agentWords);
  const { operator } = useWhose();
  const lots = useList("/v1/lots", "after", { query: { operator, isRetired: "false", limit: 200 } });
  return (
    <>
      <PageHead title={words.title} lead={words.lead} />
      <Answered
        of={lots}
        empty={
          <Empty title={words.noLots}>
            {words.noLotsHint}{" "}
            <Button component={Link} href="/operator/register" size="xs" variant="default" mt="sm">
              {words.register}
            </Button>
          </Empty>
        }
      >
        {(list) => <Setup lots={list} />}
      </Answered>
    </>
  );
}

/** The nodes of a lot; of one that was registered within the hour, those of its site that are in no lot yet. */
function useNodes({ lotId, siteId }: LotDetail): ListAnswer<NodeRecord> {
  const ofLot = useList("/v1/nodes", "after", { query: { lotId, limit: 200 } });
  const isNew = ofLot.data?.length === 0;
  const atSite = useList("/v1/nodes", "after", isNew ? { query: { siteId, limit: 200 } } : null);
  const isFree = (node: NodeRecord) => node.lotId === null && !node.isRevoked;
  return isNew ? { ...atSite, data: atSite.data?.filter(isFree) } : ofLot;
}

function Setup({ lots }: { lots: LotDetail[] }) {
  const words = useWords(agentWords);
  const { language } = useLanguage();
  const [search] = useSearchParams();
  const [chosenLotId, chooseLot] = useState(search.get("lot"));
  const [chosenNodeId, chooseNode] = useState<string | null>(null);
  const lot = lots.find(({ lotId }) => lotId === chosenLotId) ?? lots[0]!;
  const nodes = useNodes(lot);
  const node = nodes.data?.find(({ nodeId }) => nodeId === chosenNodeId) ?? nodes.data?.[0];
  return (
    <>
      <Section title={words.hostTitle} lead={words.hostLead}>
        <Group align="flex-start" gap="sm">
          <Select
            label={words.lot}
            data={lots.map(({ lotId, modelName, gpuCount }) => ({
              value: lotId,
              label: words.lotOption(lotId, modelName, countText(gpuCount, language)),
            }))}
            value={lot.lotId}
            onChange={(lotId) => {
              chooseLot(lotId);
              chooseNode(null);
            }}
            allowDeselect={false}
            searchable
            w={360}
          />
          <Answered of={nodes} empty={<Empty title={words.noNodes}>{words.noNodesHint}</Empty>}>
            {(list) => (
              <Select
                label={words.node}
                data={list.map(({ nodeId, nodeKeyHash, deviceCount }) => ({
                  value: nodeId,
                  label: words.nodeOption(nodeId, shortHex(nodeKeyHash), countText(deviceCount, language)),
                }))}
                value={node?.nodeId ?? null}
                onChange={chooseNode}
                allowDeselect={false}
                searchable
                w={360}
              />
            )}
          </Answered>
        </Group>
      </Section>
      {node !== undefined && (
        <>
          <FilesPart lot={lot} />
          <SettingsPart lot={lot} node={node} />
          <Section title={words.unitTitle} lead={words.unitLead} isBare>
            <CopyBlock
              title={words.unit}
              text={AGENT_UNIT}
              place="/etc/systemd/system/rackbond-agent.service"
              file="rackbond-agent.service"
            />
            <CopyBlock title={words.start} text={START} />
          </Section>
          <CheckPart node={node} />
        </>
      )}
    </>
  );
}

function FilesPart({ lot }: { lot: LotDetail }) {
  const words = useWords(agentWords);
  return (
    <Section title={words.filesTitle} isBare>
      <div className="surface" style={{ padding: "14px 16px" }}>
        <Stack gap="md">
          <Group justify="space-between" gap="sm" align="flex-start">
            <Stack gap={2}>
              <Text size="sm" fw={600}>
                {words.identitiesFile}{" "}
                <Text span size="sm" c="dimmed" fw={400} className="mono">
                  {AGENT_PLACES.devices}
                </Text>
              </Text>
              <Text size="sm" c="dimmed">
                {words.identitiesHint}
              </Text>
            </Stack>
            <Button
              component="a"
              href={`/v1/files/identities/${lot.identityRoot}`}
              download="identities.ndjson"
              variant="default"
              size="xs"
              leftSection={<Glyph name="download" size={14} />}
            >
              {words.download}
            </Button>
          </Group>
          <Stack gap={2}>
            <Text size="sm" fw={600}>
              {words.keyFile}{" "}
              <Text span size="sm" c="dimmed" fw={400} className="mono">
                {AGENT_PLACES.key}
              </Text>
            </Text>
            <Text size="sm" c="dimmed">
              {words.keyHint}
            </Text>
          </Stack>
        </Stack>
      </div>
      <CopyBlock title={words.makeKey} text={MAKE_KEY} />
    </Section>
  );
}

const LOOPBACK = /^https?:\/\/(?:localhost|127\.|\[::1\])/;

function SettingsPart({ lot, node }: { lot: LotDetail; node: NodeRecord }) {
  const words = useWords(agentWords);
  const deployment = useAnswer("/v1/deployment").data;
  const here = window.location.origin;
  const [oracles, setOracles] = useState(here);
  const [isPrivate, setPrivate] = useState(LOOPBACK.test(here));
  const [exporter, setExporter] = useState("http://127.0.0.1:9400/metrics");
  const [allocation, setAllocation] = useState("pod");
  const [wallUrl, setWallUrl] = useState("");
  const [wallMetric, setWallMetric] = useState("");
  const written = environmentOf({
    ...{ nodeId: node.nodeId, lotId: lot.lotId, oracle: oracles.replace(/\s/g, ""), exporter: exporter.trim() },
    ...{ chainId: String(deployment?.chainId ?? ""), telemetry: deployment?.addresses.telemetry ?? "" },
    ...{ key: `pem:${AGENT_PLACES.key}`, devices: AGENT_PLACES.devices, allocation },
    ...{ allowPrivate: isPrivate ? "yes" : "no", wallUrl: wallUrl.trim(), wallMetric: wallMetric.trim() },
  });
  return (
    <Section title={words.settingsTitle} lead={words.settingsLead} isBare>
      <div className="surface" style={{ padding: "14px 16px" }}>
        <Stack gap="sm">
          <Group align="flex-start" gap="sm" grow preventGrowOverflow={false}>
            <TextInput
              label={words.oracles}
              description={words.oraclesHint}
              value={oracles}
              onChange={(event) => setOracles(event.currentTarget.value)}
              miw={260}
            />
            <TextInput
              label={words.exporter}
              description={words.exporterHint}
              value={exporter}
              onChange={(event) => setExporter(event.currentTarget.value)}
              miw={260}
            />
            <Select
              label={words.allocation}
              description={<code>--allocation</code>}
              data={[
                { value: "pod", label: words.pod },
                { value: "dedicated", label: words.dedicated },
              ]}
              value={allocation}
              onChange={(chosen) => setAllocation(chosen ?? "pod")}
              allowDeselect={false}
              miw={220}
            />
          </Group>
          <Group align="flex-start" gap="sm" grow preventGrowOverflow={false}>
            <TextInput
              label={words.wall}
              description={words.wallHint}
              value={wallUrl}
              onChange={(event) => setWallUrl(event.currentTarget.value)}
              miw={260}
            />
            <TextInput
              label={words.wallMetric}
              description={words.wallMetricHint}
              value={wallMetric}
              onChange={(event) => setWallMetric(event.currentTarget.value)}
              miw={260}
            />
          </Group>
          <Checkbox
            label={words.isPrivate}
            checked={isPrivate}
            onChange={(event) => setPrivate(event.currentTarget.checked)}
          />
        </Stack>
      </div>
      {"text" in written ? (
        <CopyBlock
          title={words.environment}
          text={written.text}
          place={AGENT_PLACES.environment}
          file={`agent-node-${node.nodeId}.env`}
        />
      ) : (
        <Alert color="yellow" variant="light" role="alert">
          {written.fault}
        </Alert>
      )}
    </Section>
  );
}

function environmentOf(given: Parameters<typeof agentEnvironment>[0]): { text: string } | { fault: string } {
  try {
    return { text: agentEnvironment(given) };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

function CheckPart({ node }: { node: NodeRecord }) {
  const words = useWords(agentWords);
  const { language } = useLanguage();
  const { lastEpoch, lastReceivedAt, isMissing } = node;
  return (
    <Section title={words.checkTitle} lead={words.checkLead}>
      <Text size="sm" role="status" className={lastEpoch === null ? "" : isMissing ? "bad" : "good"} component="div">
        {lastEpoch === null ? (
          words.notYet
        ) : (
          <>
            {isMissing ? words.missing : words.reports} · {words.arrived}: {epochText(lastEpoch, language)}
            {lastReceivedAt !== null && (
              <>
                , {words.at} <When at={lastReceivedAt} />
              </>
            )}
          </>
        )}
      </Text>
    </Section>
  );
}
