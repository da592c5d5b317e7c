import { Alert, Button, FileButton, Group, Loader, Stack, Text } from "@mantine/core";
import { useState, type DragEvent } from "react";
import type { DeviceList, LineFault, ListedHost } from "../../../../server/protocol/deviceList.ts";
import { AddressText } from "../../../components/AddressText.tsx";
import { DataTable } from "../../../components/DataTable.tsx";
import { Figure, Figures } from "../../../components/Figure.tsx";
import { Glyph } from "../../../components/Glyph.tsx";
import { Section } from "../../../components/Section.tsx";
import { countText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { registerWords } from "../../../words/register.ts";
import type { Reading } from "./useDeviceList.ts";

const TEMPLATE = "serial,hostname,node_point\n1654923000101,gpu-a-01,\n1654923000102,gpu-a-01,\n";
const SHOWN_HOSTS = 50;

interface DevicesPartProps {
  reading: Reading;
  onFiles: (files: readonly File[]) => void;
  onClear: () => void;
}

/** The list of devices: dropped, read row by row, and what is wrong with it. */
export function DevicesPart({ reading, onFiles, onClear }: DevicesPartProps) {
  const words = useWords(registerWords);
  const template = (
    <Button
      component="a"
      href={`data:text/csv;charset=utf-8,${encodeURIComponent(TEMPLATE)}`}
      download="devices.csv"
      variant="subtle"
      size="xs"
      leftSection={<Glyph name="download" size={14} />}
      title={words.templateHint}
    >
      {words.template}
    </Button>
  );
  return (
    <Section title={words.listTitle} lead={words.listLead} actions={template} isBare>
      <Drop reading={reading} onFiles={onFiles} onClear={onClear} />
      {reading.kind === "refused" && (
        <Alert color="red" variant="light" role="alert" title={words.unreadable}>
          {reading.what === "files" ? words.notOneList : reading.detail}
        </Alert>
      )}
      {reading.kind === "read" &&
        (reading.list.faultCount > 0 ? <Faults list={reading.list} /> : <Sound list={reading.list} />)}
    </Section>
  );
}

function Drop({ reading, onFiles, onClear }: DevicesPartProps) {
  const words = useWords(registerWords);
  const { language } = useLanguage();
  const [isOver, setOver] = useState(false);
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFiles([...event.dataTransfer.files]);
  };
  return (
    <div
      className="surface"
      data-testid="drop"
      style={{ padding: "20px 16px", borderStyle: "dashed", ...(isOver ? { borderColor: "currentColor" } : {}) }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <Group justify="space-between" gap="sm" aria-live="polite">
        {reading.kind === "reading" ? (
          <Group gap="xs">
            <Loader size="xs" />
            <Text size="sm">
              {reading.file} · {words.reading(countText(reading.deviceCount, language))}
            </Text>
          </Group>
        ) : reading.kind === "read" ? (
          <Text size="sm">
            {words.listFile}: <b>{reading.file}</b>
            {reading.keyFileCount > 0 && ` · ${words.keyFiles(countText(reading.keyFileCount, language))}`}
          </Text>
        ) : (
          <Text size="sm" c="dimmed">
            {words.drop}
          </Text>
        )}
        <Group gap="xs">
          {reading.kind !== "none" && (
            <Button variant="subtle" size="xs" onClick={onClear}>
              {words.remove}
            </Button>
          )}
          <FileButton
            onChange={onFiles}
            accept=".csv,.pem,text/csv"
            multiple
            inputProps={{ "aria-label": words.choose }}
          >
            {(props) => (
              <Button {...props} variant="default" size="xs">
                {words.choose}
              </Button>
            )}
          </FileButton>
        </Group>
      </Group>
    </div>
  );
}

/** Every line that is wrong, as far as they are kept. */
function Faults({ list }: { list: DeviceList }) {
  const words = useWords(registerWords);
  const { language } = useLanguage();
  const said = (code: string) => (words as Record<string, unknown>)[code] as string | undefined;
  const { faults, faultCount } = list;
  return (
    <Stack gap="xs" data-testid="faults">
      <Alert
        color="red"
        variant="light"
        role="alert"
        title={words.faultsTitle(countText(faultCount, language))}
        styles={{ root: { border: "1px solid var(--portal-line)" } }}
      >
        {words.faultsLead}
      </Alert>
      <div className="surface" style={{ maxHeight: 420, overflow: "auto" }}>
        <DataTable<LineFault>
          caption={words.faultsTitle(countText(faultCount, language))}
          rows={[...faults]}
          rowKey={({ line, code, what }) => `${line} ${code} ${what}`}
          columns={[
            { key: "line", title: words.line, isFigure: true, cell: ({ line }) => countText(line, language) },
            { key: "fault", title: words.fault, wraps: true, cell: ({ code }) => said(code) ?? code },
            { key: "what", title: words.detail, wraps: true, cell: ({ what }) => <span className="mono">{what}</span> },
          ]}
        />
      </div>
      {faultCount > faults.length && (
        <Text size="sm" c="dimmed">
          {words.faultsMore(countText(faultCount - faults.length, language))}
        </Text>
      )}
    </Stack>
  );
}

/** What a sound list comes to. */
function Sound({ list }: { list: DeviceList }) {
  const words = useWords(registerWords);
  const { language } = useLanguage();
  const counts = new Uint32Array(list.hosts.length);
  for (const host of list.hostIndexes) counts[host]!++;
  const shown = list.hosts.slice(0, SHOWN_HOSTS).map((host, place) => ({ ...host, boardCount: counts[place]! }));
  return (
    <Stack gap="sm" data-testid="sound">
      <Group gap={6} className="good" role="status">
        <Glyph name="check" />
        <Text size="sm" fw={600}>
          {words.sound}
        </Text>
      </Group>
      <Figures>
        <Figure label={words.boards}>{countText(list.names.length, language)}</Figure>
        <Figure label={words.hosts}>{countText(list.hosts.length, language)}</Figure>
        <Figure label={words.root} note={words.rootNote}>
          <Text component="span" fz="md" fw={500}>
            <AddressText value={list.identityRoot} />
          </Text>
        </Figure>
      </Figures>
      <div className="surface" style={{ maxHeight: 320, overflow: "auto" }}>
        <DataTable<ListedHost & { boardCount: number }>
          caption={words.hostTable}
          rows={shown}
          rowKey={({ hostname }) => hostname}
          columns={[
            { key: "host", title: words.host, cell: ({ hostname }) => hostname },
            { key: "boards", title: words.boards, isFigure: true, cell: (row) => countText(row.boardCount, language) },
            { key: "key", title: words.nodeKey, cell: ({ keyHash }) => <AddressText value={keyHash} /> },
          ]}
        />
      </div>
      {list.hosts.length > SHOWN_HOSTS && (
        <Text size="sm" c="dimmed">
          {words.hostsMore(countText(list.hosts.length - SHOWN_HOSTS, language))}
        </Text>
      )}
    </Stack>
  );
}
