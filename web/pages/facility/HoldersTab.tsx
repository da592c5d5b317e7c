import type { Facility } from "../../../server/protocol/api.ts";
import type { FacilityClass, Holder } from "../../../server/protocol/apiFacilities.ts";
import { hrefOf, useList } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { amountText, countText, percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { collateralWords } from "../../words/collateral.ts";
import { dealWords } from "../../words/deal.ts";
import { facilityWords } from "../../words/facility.ts";

/** How concentrated the classes are, and for those who may see it, who holds them. */
export function HoldersTab({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const { language } = useLanguage();
  const columns: Column<FacilityClass>[] = [
    { key: "class", title: words.className, cell: ({ symbol }) => <strong>{symbol}</strong> },
    { key: "count", title: words.holderCount, isFigure: true, cell: (one) => countText(one.holderCount, language) },
    {
      key: "largest",
      title: words.largest,
      isFigure: true,
      cell: (one) => percentText(one.largestHolderBps, language),
    },
    { key: "ten", title: words.topTen, isFigure: true, cell: (one) => percentText(one.topTenHoldersBps, language) },
  ];
  return (
    <>
      <Section title={words.concentration} lead={words.concentrationLead}>
        <DataTable
          caption={words.concentration}
          columns={columns}
          rows={facility.classes}
          rowKey={({ token }) => token}
        />
      </Section>
      <HolderList facility={facility} />
    </>
  );
}

function HolderList({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const collateral = useWords(collateralWords);
  const deal = useWords(dealWords);
  const { language } = useLanguage();
  const asked = { params: { address: facility.address } };
  const holders = useList("/v1/facilities/:address/holders", "after", asked);
  const symbolOf = (classIndex: number) => facility.classes.find((one) => one.classIndex === classIndex)?.symbol;
  const columns: Column<Holder>[] = [
    { key: "class", title: words.className, cell: ({ classIndex }) => symbolOf(classIndex) },
    { key: "account", title: words.account, cell: ({ account }) => <AddressText value={account} /> },
    {
      key: "shares",
      title: words.shares,
      isFigure: true,
      cell: ({ shares }) => amountText(shares, facility.assetDecimalCount, language),
      sortBy: ({ shares }) => BigInt(shares),
    },
    { key: "part", title: words.partOf, isFigure: true, cell: ({ partBps }) => percentText(partBps, language) },
    { key: "country", title: collateral.country, cell: ({ country }) => country ?? "—" },
    { key: "category", title: words.category, cell: ({ category }) => deal.category[category] },
    {
      key: "verified",
      title: words.verified,
      cell: ({ isVerified, isFrozen }) => (
        <span className={isFrozen ? "bad" : isVerified ? "good" : "warn"}>
          {isFrozen ? collateral.frozen : isVerified ? words.yes : words.no}
        </span>
      ),
    },
  ];
  return (
    <Section title={words.holderList}>
      <Answered of={holders} empty={<Empty title={words.noHolders} />}>
        {(items) => (
          <DataTable
            caption={words.holderList}
            columns={columns}
            rows={items}
            rowKey={({ key }) => key}
            csvHref={hrefOf("/v1/facilities/:address/holders", asked)}
            more={holders}
          />
        )}
      </Answered>
    </Section>
  );
}
