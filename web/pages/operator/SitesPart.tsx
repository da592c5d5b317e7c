import type { Site } from "../../../server/protocol/apiRegistry.ts";
import { hrefOf, type ListAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fleetWords } from "../../words/fleet.ts";

interface SitesPartProps {
  sites: ListAnswer<Site>;
  query: { operator: string | undefined; limit: number };
}

/** Where the hardware stands. */
export function SitesPart({ sites, query }: SitesPartProps) {
  const words = useWords(fleetWords);
  const { language } = useLanguage();
  return (
    <Section title={words.sitesTitle}>
      <Answered of={sites}>
        {(list) => (
          <DataTable<Site>
            caption={words.sitesTitle}
            rows={list}
            rowKey={({ siteId }) => siteId}
            csvHref={hrefOf("/v1/sites", { query })}
            more={sites}
            columns={[
              { key: "site", title: words.site, cell: ({ siteId }) => siteId },
              { key: "country", title: words.country, cell: ({ country }) => country },
              { key: "zone", title: words.gridZone, cell: ({ gridZone }) => gridZone },
              { key: "operator", title: words.operator, cell: ({ operator }) => <AddressText value={operator} /> },
              { key: "since", title: words.registeredAt, cell: (site) => <When at={site.registeredAt} isDateOnly /> },
              { key: "nodes", title: words.nodes, isFigure: true, cell: (site) => countText(site.nodeCount, language) },
              { key: "lots", title: words.lots, isFigure: true, cell: (site) => countText(site.lotCount, language) },
              { key: "gpus", title: words.gpus, isFigure: true, cell: (site) => countText(site.gpuCount, language) },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}
