import { Link } from "wouter";
import type { Facility } from "../../../../server/protocol/api.ts";
import { DataTable } from "../../../components/DataTable.tsx";
import { Section } from "../../../components/Section.tsx";
import { useOwn } from "../../../own.ts";
import { HoldingActions } from "./HoldingActions.tsx";
import { useSharesTalk } from "./sharesTalk.tsx";

/** What the connected account holds of a facility's classes, and what can be done with it; nothing without shares. */
export function OwnShares({ facility }: { facility: Facility }) {
  const { asset, assetSymbol, assetDecimalCount, address, classes } = facility;
  const coin = { unit: assetSymbol, decimalCount: assetDecimalCount };
  const { words, amount } = useSharesTalk(coin);
  const own = useOwn(["holdings", address], ({ contracts, account }) =>
    Promise.all(
      classes.map(async ({ token, symbol, classIndex }) => {
        const held = contracts.classToken(token);
        const [shares, claimableAssets] = await Promise.all([held.balanceOf(account), held.claimableAssets(account)]);
        return { shares, claimableAssets, place: { facility: address, asset, token, symbol, classIndex } };
      }),
    ),
  );
  const rows = (own ?? []).filter(({ shares, claimableAssets }) => shares + claimableAssets > 0n);
  if (rows.length === 0) return null;
  return (
    <Section title={words.own} lead={words.ownLead}>
      <DataTable
        caption={words.own}
        rows={rows}
        rowKey={({ place }) => place.token}
        columns={[
          { key: "class", title: words.class, cell: ({ place }) => <strong>{place.symbol}</strong> },
          { key: "shares", title: words.shares, isFigure: true, cell: (one) => amount(one.shares, one.place.symbol) },
          {
            key: "claimable",
            title: words.claimable,
            isFigure: true,
            cell: ({ claimableAssets }) => amount(claimableAssets, assetSymbol),
          },
          {
            key: "actions",
            title: "",
            cell: ({ place, claimableAssets }) => (
              <HoldingActions place={place} coin={coin} claimableAssets={claimableAssets} />
            ),
          },
          {
            key: "trade",
            title: "",
            cell: ({ place }) => <Link href={`/trade?class=${place.token}`}>{words.trade}</Link>,
          },
        ]}
      />
    </Section>
  );
}
