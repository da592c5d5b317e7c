import { Group, Select } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import type { BasisMethod, Portfolio, TaxYear } from "../../../server/protocol/apiMoney.ts";
import { hrefOf, useAnswer } from "../../api.tsx";
import { CsvLink } from "../../components/DataTable.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { InMoney, Money } from "../../components/Money.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { portfolioWords } from "../../words/portfolio.ts";

const YEARS = 5;
/** As many as the API lists at once. */
const MOST_FLOWS = 1000;

interface TaxProps {
  account: string;
  method: BasisMethod;
  portfolio: Portfolio;
}

/** Downloads for the account's papers: a year's flows, and the reports of what it holds. */
export function TaxSection({ account, method, portfolio }: TaxProps) {
  const words = useWords(portfolioWords);
  const thisYear = new Date(Number(portfolio.asOfAt) * 1000).getUTCFullYear();
  const [year, setYear] = useState(String(thisYear));
  const tax = useAnswer("/v1/accounts/:address/tax/:year", { params: { address: account, year }, query: { method } });
  const facilities = [...new Map(portfolio.positions.map((one) => [one.facility, one.facilityName]))];
  return (
    <>
      <Section title={words.tax} lead={words.taxLead}>
        <Group align="flex-end" mb="md">
          <Select
            label={words.year}
            w={120}
            size="sm"
            allowDeselect={false}
            value={year}
            onChange={(chosen) => setYear(chosen ?? year)}
            data={Array.from({ length: YEARS }, (_, back) => String(thisYear - back))}
          />
          <CsvLink
            href={hrefOf("/v1/accounts/:address/flows", {
              params: { address: account },
              query: { year, method, limit: MOST_FLOWS },
            })}
            label={words.taxCsv(year)}
          />
        </Group>
        <Answered of={tax} isEmpty={({ totals }) => totals.length === 0} empty={<Empty title={words.noTax} />}>
          {({ totals }) =>
            totals.map((total) => (
              <InMoney key={total.asset} of={{ decimalCount: total.assetDecimalCount, unit: total.assetSymbol }}>
                <TaxFigures total={total} />
              </InMoney>
            ))
          }
        </Answered>
      </Section>
      {facilities.length > 0 && (
        <Section title={words.reports} lead={words.reportsLead}>
          <Group>
            {facilities.map(([address, name]) => (
              <Link key={address} href={`/facilities/${address}#/reports`}>
                {name}
              </Link>
            ))}
          </Group>
        </Section>
      )}
    </>
  );
}

function TaxFigures({ total }: { total: TaxYear["totals"][number] }) {
  const words = useWords(portfolioWords);
  return (
    <Figures>
      <Figure label={words.taxInterest}>
        <Money assets={total.interestAssets} />
      </Figure>
      <Figure label={words.proceeds}>
        <Money assets={total.proceedsAssets} />
      </Figure>
      <Figure label={words.basis}>
        <Money assets={total.basisAssets} />
      </Figure>
      <Figure label={words.gain}>
        <Money assets={total.gainAssets} />
      </Figure>
      <Figure label={words.fees}>
        <Money assets={total.feeAssets} />
      </Figure>
    </Figures>
  );
}
