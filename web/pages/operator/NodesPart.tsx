import { Switch } from "@mantine/core";
import { useState } from "react";
import type { NodeRecord } from "../../../server/protocol/apiRegistry.ts";
import { hrefOf, useList } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText, epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fleetWords } from "../../words/fleet.ts";
import { Mark } from "./Mark.tsx";

/** Nodes and their newest reading; those that are missing alone, where that is wanted. */
export function NodesPart({ operator }: { operator: string | undefined }) {
  const words = useWords(fleetWords);
  const { language } = useLanguage();
  const [isMissingOnly, setMissingOnly] = useState(false);
  const query = { operator, isMissing: isMissingOnly ? "true" : undefined };
  const nodes = useList("/v1/nodes", "after", { query });
  const only = (
    <Switch
      size="xs"
      label={words.onlyMissing}
      checked={isMissingOnly}
      onChange={(event) => setMissingOnly(event.currentTarget.checked)}
    />
  );
  return (
    <Section title={words.nodesTitle} actions={only}>
      <Answered of={nodes} empty={<Empty title={isMissingOnly ? words.noneMissing : words.noNodes} />}>
        {(list) => (
          <DataTable<NodeRecord>
            caption={words.nodesTitle}
            rows={list}
            rowKey={({ nodeId }) => nodeId}
            csvHref={hrefOf("/v1/nodes", { query })}
            more={nodes}
            columns={[
              { key: "node", title: words.node, sortBy: (row) => BigInt(row.nodeId), cell: ({ nodeId }) => nodeId },
              {
                key: "lot",
                title: words.lot,
                sortBy: ({ lotId }) => BigInt(lotId ?? 0),
                cell: ({ lotId }) => lotId ?? <span className="warn">{words.idle}</span>,
              },
              { key: "site", title: words.site, cell: ({ siteId }) => siteId },
              {
                key: "boards",
                title: words.boards,
                isFigure: true,
                cell: ({ deviceCount }) => countText(deviceCount, language),
              },
              { key: "key", title: words.key, cell: ({ nodeKeyHash }) => <AddressText value={nodeKeyHash} /> },
              {
                key: "reading",
                title: words.lastReading,
                sortBy: ({ lastEpoch }) => BigInt(lastEpoch ?? 0),
                cell: ({ lastEpoch }) => (lastEpoch === null ? words.never : epochText(lastEpoch, language)),
              },
              { key: "arrived", title: words.arrived, cell: ({ lastReceivedAt }) => <When at={lastReceivedAt} /> },
              { key: "state", title: words.state, cell: (node) => <NodeState node={node} /> },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}

function NodeState({ node: { isRevoked, isMissing, lotId } }: { node: NodeRecord }) {
  const words = useWords(fleetWords);
  if (isRevoked) return <Mark tone="plain">{words.revoked}</Mark>;
  if (isMissing) return <Mark tone="bad">{words.missing}</Mark>;
  return lotId === null ? <Mark tone="plain">{words.idle}</Mark> : <Mark tone="good">{words.reports}</Mark>;
}
