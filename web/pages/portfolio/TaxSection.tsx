import { Group, Select } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import type { BasisMethod, Portfolio } from "../../../server/protocol/apiMoney.ts";
import { hrefOf } from "../../api.tsx";
import { CsvLink } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { useWords } from "../../language.tsx";
import { portfolioWords } from "../../words/portfolio.ts";

const YEARS = 5;

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
  const facilities = [...new Map(portfolio.positions.map((one) => [one.facility, one.facilityName]))];
  return (
    <>
      <Section title={words.tax} lead={words.taxLead}>
        <Group align="flex-end">
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
            href={hrefOf("/v1/accounts/:address/flows", { params: { address: account }, query: { year, method } })}
            label={words.taxCsv(year)}
          />
        </Group>
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
