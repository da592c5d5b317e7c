import type { ReactNode } from "react";
import { ledgerOf } from "../../../server/model/replay.ts";
import type { Facility } from "../../../server/protocol/api.ts";
import type { Reserve } from "../../../server/protocol/apiHistory.ts";
import { hrefOf, useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { Amount } from "../../components/Amount.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { amountText, countText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { booksWords } from "../../words/auditBooks.ts";
import { Notice } from "./Notice.tsx";
import { useReplay } from "./replayed.ts";

const LISTED = { query: { limit: 200 } };
/** The parts of a facility's ledger, by the words for them. */
const PARTS = {
  escrow: "escrow",
  collections: "collections",
  reserve: "reservePart",
  trapped: "trapped",
  payees: "payees",
  holders: "holders",
} as const;
const KINDS = {
  facility: "kindFacility",
  leases: "kindLeases",
  markets: "kindMarkets",
  vault: "kindVault",
  bonds: "kindBonds",
  disputes: "kindDisputes",
} as const satisfies Record<Reserve["kind"], string>;

export default function ReservesPage() {
  const words = useWords(booksWords);
  const facilities = useAnswer("/v1/facilities", LISTED);
  const reserves = useAnswer("/v1/reserves", LISTED);
  return (
    <>
      <PageHead title={words.reserves} lead={words.reservesLead} />
      <Answered of={reserves} isEmpty={({ items }) => items.length === 0}>
        {({ items }) => (
          <>
            <Section title={words.contractsTitle} lead={words.contractsLead}>
              <Contracts reserves={items} />
            </Section>
            <Answered
              of={facilities}
              isEmpty={(listed) => listed.items.length === 0}
              empty={<Empty title={words.noFacility}>{words.noFacilityHint}</Empty>}
            >
              {(listed) =>
                listed.items.map((facility) => (
                  <OneFacility
                    key={facility.address}
                    facility={facility}
                    reserve={items.find(({ address }) => address === facility.address)}
                  />
                ))
              }
            </Answered>
          </>
        )}
      </Answered>
    </>
  );
}

/** What each contract owes and has. */
function Contracts({ reserves }: { reserves: readonly Reserve[] }) {
  const words = useWords(booksWords);
  const money = ({ assetDecimalCount, assetSymbol }: Reserve) => ({
    decimalCount: assetDecimalCount,
    unit: assetSymbol,
  });
  return (
    <DataTable
      caption={words.contractsTitle}
      rows={[...reserves]}
      rowKey={({ address }) => address}
      csvHref={hrefOf("/v1/reserves", LISTED)}
      columns={[
        { key: "contract", title: words.contract, wraps: true, cell: ({ kind }) => words[KINDS[kind]] },
        { key: "address", title: words.address, cell: ({ address }) => <AddressText value={address} /> },
        {
          key: "booked",
          title: words.booked,
          isFigure: true,
          cell: (reserve) => <Amount assets={reserve.bookedAssets} {...money(reserve)} />,
        },
        {
          key: "held",
          title: words.held,
          isFigure: true,
          cell: (reserve) => <Amount assets={reserve.balanceAssets} {...money(reserve)} />,
        },
        {
          key: "over",
          title: words.over,
          isFigure: true,
          cell: (reserve) => {
            const over = BigInt(reserve.balanceAssets) - BigInt(reserve.bookedAssets);
            return (
              <span className={over < 0n ? "bad" : ""}>
                <Amount assets={over} {...money(reserve)} />
              </span>
            );
          },
        },
        {
          key: "check",
          title: words.check,
          cell: ({ balanceAssets, bookedAssets }) => (
            <Mark isGood={BigInt(balanceAssets) >= BigInt(bookedAssets)} good={words.covered} bad={words.notCovered} />
          ),
        },
      ]}
    />
  );
}

interface OneFacilityProps {
  facility: Facility;
  reserve: Reserve | undefined;
}

/** A facility's claims out of its events, against its ledger, against its tokens. */
function OneFacility({ facility, reserve }: OneFacilityProps) {
  const words = useWords(booksWords);
  const { language } = useLanguage();
  const replayed = useReplay(facility.address);
  const money = { decimalCount: facility.assetDecimalCount, unit: facility.assetSymbol };
  return (
    <Section title={facility.name} actions={<AddressText value={facility.address} />} isBare>
      <Answered of={replayed}>
        {(data) => {
          const claims = ledgerOf(data.facility);
          const onChain = (name: string) => BigInt(reserve?.parts.find(({ part }) => part === name)?.assets ?? "0");
          const parts = Object.entries(PARTS).map(([name, word]) => ({
            name: words[word],
            claimed: claims[name as keyof typeof PARTS],
            booked: onChain(name),
          }));
          const sum = parts.reduce((total, { claimed }) => total + claimed, 0n);
          const booked = BigInt(reserve?.bookedAssets ?? "0");
          const balance = BigInt(reserve?.balanceAssets ?? "0");
          const isWhole = parts.every((part) => part.claimed === part.booked) && balance >= booked;
          const surplus = amountText(balance - booked, money.decimalCount, language);
          return (
            <>
              <Notice tone={isWhole ? "good" : "bad"} title={isWhole ? words.whole : words.short}>
                {isWhole ? words.wholeHint : words.shortHint} {words.replayed(countText(data.eventCount, language))}.
              </Notice>
              <div className="surface" style={{ padding: "14px 16px" }}>
                <DataTable
                  caption={facility.name}
                  rows={[...parts, { name: words.sum, claimed: sum, booked, balance }]}
                  rowKey={({ name }) => name}
                  columns={[
                    { key: "part", title: words.part, cell: (row) => <Bold is={"balance" in row}>{row.name}</Bold> },
                    {
                      key: "claims",
                      title: words.owed,
                      isFigure: true,
                      cell: (row) => (
                        <Bold is={"balance" in row}>
                          <Amount assets={row.claimed} {...money} />
                        </Bold>
                      ),
                    },
                    {
                      key: "ledger",
                      title: words.ledger,
                      isFigure: true,
                      cell: (row) => (
                        <Bold is={"balance" in row}>
                          <span className={row.claimed === row.booked ? "" : "bad"}>
                            <Amount assets={row.booked} {...money} />
                          </span>
                        </Bold>
                      ),
                    },
                    {
                      key: "tokens",
                      title: words.tokens,
                      isFigure: true,
                      cell: (row) =>
                        "balance" in row && (
                          <Bold is>
                            <Amount assets={row.balance} {...money} />
                          </Bold>
                        ),
                    },
                    {
                      key: "check",
                      title: words.check,
                      cell: (row) => (
                        <Mark isGood={row.claimed === row.booked} good={words.equalMark} bad={words.differsMark} />
                      ),
                    },
                  ]}
                />
                <p style={{ margin: "8px 0 0", fontSize: "0.85rem", color: "var(--mantine-color-dimmed)" }}>
                  {words.owedNote}; {words.ledgerNote}; {words.tokensNote}: {words.surplus(`${surplus} ${money.unit}`)}
                </p>
              </div>
            </>
          );
        }}
      </Answered>
    </Section>
  );
}

function Bold({ is, children }: { is: boolean; children: ReactNode }) {
  return is ? <strong>{children}</strong> : children;
}

function Mark({ isGood, good, bad }: { isGood: boolean; good: string; bad: string }) {
  return <span className={isGood ? "good" : "bad"}>{isGood ? good : bad}</span>;
}
