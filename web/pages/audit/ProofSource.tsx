import { useQuery } from "@tanstack/react-query";
import { Autocomplete, Button, Group, Select, Stack, Tabs, Text, Textarea, TextInput } from "@mantine/core";
import { useRef, useState, type DragEvent, type SyntheticEvent } from "react";
import type { DeviceProof } from "../../../server/protocol/proof.ts";
import { proofFileText, type ProofOrigin } from "../../../server/protocol/proofFile.ts";
import { ApiProblem, ask, useAnswer } from "../../api.tsx";
import { Glyph } from "../../components/Glyph.tsx";
import { epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { proofWords } from "../../words/auditProof.ts";
import { anchorIn } from "./anchors.ts";
import { identitiesUnder } from "./ground.ts";
import { epochIn, hourText } from "./hourField.ts";

const SUGGESTED_COUNT = 40;
const MOST_FILE_BYTES = 4 << 20;

interface ProofSourceProps {
  text: string;
  onText: (text: string) => void;
  /** The contracts that this server is of. */
  origin: ProofOrigin | undefined;
}

/** Where a proof comes from: a GPU and an hour of this server's, or a file; and its text, to be looked at and changed. */
export function ProofSource({ text, onText, origin }: ProofSourceProps) {
  const words = useWords(proofWords);
  // As it came, before anybody changed a figure.
  const [fetched, setFetched] = useState("");
  const take = (taken: string) => {
    setFetched(taken);
    onText(taken);
  };
  return (
    <Stack gap="md">
      <Tabs defaultValue="api">
        <Tabs.List mb="sm">
          <Tabs.Tab value="api">{words.fromApi}</Tabs.Tab>
          <Tabs.Tab value="file">{words.fromFile}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="api">
          <PickHour onProof={take} origin={origin} />
        </Tabs.Panel>
        <Tabs.Panel value="file">
          <DropFile onText={take} />
        </Tabs.Panel>
      </Tabs>
      <Textarea
        label={words.text}
        description={words.textHint}
        value={text}
        onChange={(event) => onText(event.currentTarget.value)}
        rows={8}
        spellCheck={false}
        classNames={{ input: "mono" }}
        styles={{ input: { fontSize: "0.75rem", whiteSpace: "pre", overflowX: "auto" } }}
      />
      <Group gap="xs">
        <Button variant="default" size="xs" disabled={text === ""} onClick={() => save(text)}>
          <Glyph name="download" size={14} />
          <span style={{ marginInlineStart: 6 }}>{words.save}</span>
        </Button>
        {fetched !== "" && text !== fetched && (
          <Button variant="subtle" size="xs" onClick={() => onText(fetched)}>
            {words.restore}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

interface PickHourProps {
  onProof: (text: string) => void;
  origin: ProofOrigin | undefined;
}

function PickHour({ onProof, origin }: PickHourProps) {
  const words = useWords(proofWords);
  const { language } = useLanguage();
  const lots = useAnswer("/v1/lots", { query: { limit: 200 } }).data?.items ?? [];
  const lastEpoch = useAnswer("/v1/summary").data?.lastEpoch ?? null;
  const [chosenLot, setLot] = useState<string | null>(null);
  const [typed, setTyped] = useState<string>();
  const [chosenHour, setHour] = useState("");
  const [failure, setFailure] = useState("");
  const [isGetting, setGetting] = useState(false);
  const lot = lots.find(({ lotId }) => lotId === chosenLot) ?? lots[0];
  const hour = chosenHour || (lastEpoch === null ? "" : hourText(BigInt(lastEpoch)));
  const names = useQuery({
    queryKey: ["identities", lot?.identityRoot],
    queryFn: async () => (await identitiesUnder(lot?.identityRoot ?? ""))?.map(({ name }) => name) ?? [],
    enabled: lot !== undefined,
    staleTime: Infinity,
  }).data;

  const device = typed ?? names?.[0] ?? "";
  const prove = async (event: SyntheticEvent) => {
    event.preventDefault();
    setFailure("");
    const deviceId = anchorIn(device);
    if (deviceId === undefined) {
      setFailure(words.deviceBad);
      return;
    }
    setGetting(true);
    try {
      const epoch = String(epochIn(hour));
      const proof: DeviceProof = await ask("/v1/epochs/:epoch/devices/:deviceId/proof", {
        params: { epoch, deviceId },
      });
      onProof(origin === undefined ? JSON.stringify(proof, null, 2) : proofFileText(origin, proof));
    } catch (error) {
      const isAbsent = error instanceof ApiProblem && error.status === 404;
      setFailure(isAbsent ? words.absent : error instanceof Error ? error.message : String(error));
    } finally {
      setGetting(false);
    }
  };

  return (
    <form onSubmit={(event) => void prove(event)}>
      <Stack gap="sm">
        <Select
          label={words.lot}
          data={lots.map(({ lotId, modelName, gpuCount }) => ({
            value: lotId,
            label: words.lotOf(lotId, modelName, String(gpuCount)),
          }))}
          value={lot?.lotId ?? null}
          onChange={(value) => {
            setLot(value);
            setTyped(undefined);
          }}
          allowDeselect={false}
        />
        <Autocomplete
          label={words.device}
          description={words.deviceHint}
          data={names ?? []}
          limit={SUGGESTED_COUNT}
          value={device}
          onChange={setTyped}
          classNames={{ input: "mono" }}
        />
        <TextInput
          type="datetime-local"
          step={3600}
          label={words.hour}
          description={lastEpoch === null ? words.noHour : words.hourHint(epochText(lastEpoch, language))}
          value={hour}
          onChange={(event) => setHour(event.currentTarget.value)}
        />
        {failure !== "" && (
          <Text size="sm" className="bad" role="alert">
            {failure}
          </Text>
        )}
        <Group>
          <Button type="submit" loading={isGetting} disabled={hour === "" || device === ""}>
            {words.get}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function DropFile({ onText }: { onText: (text: string) => void }) {
  const words = useWords(proofWords);
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const take = (file: File | undefined) => {
    if (file !== undefined && file.size <= MOST_FILE_BYTES) void file.text().then(onText);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  return (
    <Stack
      align="center"
      gap={6}
      p="lg"
      style={{
        border: `1px dashed ${isOver ? "var(--mantine-primary-color-filled)" : "var(--portal-line)"}`,
        borderRadius: "var(--mantine-radius-md)",
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <Text fw={600}>{words.drop}</Text>
      <Text size="sm" c="dimmed" ta="center">
        {words.dropHint}
      </Text>
      <Button variant="default" size="xs" onClick={() => input.current?.click()}>
        {words.choose}
      </Button>
      <input
        ref={input}
        type="file"
        accept=".json,application/json"
        aria-label={words.choose}
        style={{ display: "none" }}
        onChange={(event) => take(event.currentTarget.files?.[0])}
      />
    </Stack>
  );
}

function save(text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "rackbond-proof.json";
  link.click();
  URL.revokeObjectURL(link.href);
}
