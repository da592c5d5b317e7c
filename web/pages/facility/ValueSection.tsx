import { Group, Stack, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { Facility } from "../../../server/protocol/api.ts";
import type { FacilityValue } from "../../../server/protocol/apiValues.ts";
import { useAnswer } from "../../api.tsx";
import { Parts } from "../../components/Bar.tsx";
import { Money } from "../../components/Money.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { useWords } from "../../language.tsx";
import { facilityWords } from "../../words/facility.ts";

const COLORS = ["rack-7", "rack-5", "rack-3", "yellow-5", "indigo-4", "gray-5"].map(
  (color) => `var(--mantine-color-${color})`,
);

/** Net asset value and what it is made of. */
export function ValueSection({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const value = useAnswer("/v1/facilities/:address/value", { params: { address: facility.address } });
  return (
    <Section title={words.value} lead={words.valueLead}>
      <Answered of={value}>{(shown) => <ValueTable value={shown} />}</Answered>
    </Section>
  );
}

interface Line {
  label: string;
  exit: bigint;
  entry: bigint;
}

function ValueTable({ value }: { value: FacilityValue }) {
  const words = useWords(facilityWords);
  const { parts } = value;
  const line = (label: string, exit: string, entry = exit): Line => ({
    label,
    exit: BigInt(exit),
    entry: BigInt(entry),
  });
  const lines = [
    line(words.lotsPart, parts.lotExitAssets, parts.lotEntryAssets),
    line(words.receivables, parts.receivableExitAssets, parts.receivableEntryAssets),
    line(words.reserve, parts.reserveAssets),
    line(words.trappedPart, parts.trappedAssets),
    line(words.collections, parts.collectionsAssets),
    line(words.escrow, parts.escrowAssets),
  ];
  const colored = lines.map((one, place) => ({ ...one, color: COLORS[place]! }));
  return (
    <Stack gap="md">
      <Parts parts={colored.map(({ label, exit, color }) => ({ label, size: exit, color }))} />
      <div className="scrolls" role="region" aria-label={words.value} tabIndex={0}>
        <Table className="table figures" verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{words.part}</Table.Th>
              <Table.Th scope="col" className="end">
                {words.exit}
              </Table.Th>
              <Table.Th scope="col" className="end">
                {words.entry}
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {colored
              .filter(({ exit, entry }) => exit > 0n || entry > 0n)
              .map(({ label, exit, entry, color }) => (
                <Table.Tr key={label}>
                  <Table.Td className="wraps" style={{ minWidth: 0 }}>
                    <span className="swatch" style={{ background: color }} aria-hidden="true" />
                    {label}
                  </Table.Td>
                  <Table.Td className="end">
                    <Money assets={exit} />
                  </Table.Td>
                  <Table.Td className="end">
                    <Money assets={entry} />
                  </Table.Td>
                </Table.Tr>
              ))}
            {parts.movedAssets !== "0" && (
              <Table.Tr>
                <Table.Td className="wraps" style={{ minWidth: 0 }}>
                  <span className="swatch" aria-hidden="true" />
                  {words.moved}
                </Table.Td>
                <Table.Td className="end">
                  <Money assets={-BigInt(parts.movedAssets)} />
                </Table.Td>
                <Table.Td className="end">
                  <Money assets={-BigInt(parts.movedAssets)} />
                </Table.Td>
              </Table.Tr>
            )}
          </Table.Tbody>
          <Table.Tfoot>
            <Table.Tr style={{ borderTop: "1px solid var(--portal-line)" }}>
              <Table.Td fw={600}>{words.sum}</Table.Td>
              <Table.Td className="end" fw={600}>
                <Money assets={value.exitAssets} />
              </Table.Td>
              <Table.Td className="end" fw={600}>
                <Money assets={value.entryAssets} />
              </Table.Td>
            </Table.Tr>
          </Table.Tfoot>
        </Table>
      </div>
      <Group gap="xl" style={{ rowGap: 8 }}>
        <Aside label={words.hardwareAside}>
          <Money assets={parts.hardwareAssets} isShort />
        </Aside>
        <Aside label={words.contractedAside}>
          <Money assets={parts.contractedAssets} isShort />
        </Aside>
        <Aside label={words.computed}>
          <When at={value.computedAt} />
        </Aside>
        <Aside label={words.expires}>
          <When at={value.expiresAt} />
        </Aside>
        {value.heldUntilAt !== null && (
          <Aside label={words.held}>
            <When at={value.heldUntilAt} />
          </Aside>
        )}
      </Group>
    </Stack>
  );
}

function Aside({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Text size="sm" component="div">
      <Text span size="sm" c="dimmed">
        {label}{" "}
      </Text>
      {children}
    </Text>
  );
}
