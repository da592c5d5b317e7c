import type { BasisMethod, Flow, Portfolio } from "../../../server/protocol/apiMoney.ts";
import { hrefOf, useList } from "../../api.tsx";
import { Amount } from "../../components/Amount.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { amountText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { portfolioWords } from "../../words/portfolio.ts";

interface FlowsProps {
  account: string;
  method: BasisMethod;
  portfolio: Portfolio;
}

/** What happened to the account's shares. */
export function FlowsSection({ account, method, portfolio }: FlowsProps) {
  const words = useWords(portfolioWords);
  const { language } = useLanguage();
  const asked = { params: { address: account }, query: { method } };
  const flows = useList("/v1/accounts/:address/flows", "after", asked);
  const decimalsOf = ({ asset }: Flow) => portfolio.totals.find((one) => one.asset === asset)?.assetDecimalCount ?? 0;
  const money = (flow: Flow, assets: string) =>
    assets === "0" ? "—" : <Amount assets={assets} decimalCount={decimalsOf(flow)} unit={flow.assetSymbol} />;
  const shares = (flow: Flow, count: string) => (count === "0" ? "—" : amountText(count, decimalsOf(flow), language));
  const columns: Column<Flow>[] = [
    { key: "at", title: words.at, cell: ({ at }) => <When at={at} /> },
    { key: "kind", title: words.kind, cell: ({ kind }) => words.kinds[kind] },
    { key: "class", title: words.className, cell: ({ symbol }) => symbol },
    { key: "shares", title: words.shares, isFigure: true, cell: (flow) => shares(flow, flow.shares) },
    { key: "assets", title: words.assets, isFigure: true, cell: (flow) => money(flow, flow.assets) },
    { key: "accrued", title: words.accrued, isFigure: true, cell: (flow) => money(flow, flow.accruedAssets) },
    { key: "income", title: words.income, isFigure: true, cell: (flow) => money(flow, flow.incomeAssets) },
    { key: "gain", title: words.gain, isFigure: true, cell: (flow) => money(flow, flow.gainAssets) },
    { key: "held", title: words.held, isFigure: true, cell: (flow) => shares(flow, flow.heldShares) },
  ];
  return (
    <Section title={words.flows} lead={words.flowsLead}>
      <Answered of={flows} empty={<Empty title={words.noFlows} />}>
        {(items) => (
          <DataTable
            caption={words.flows}
            columns={columns}
            rows={items}
            rowKey={({ key }) => key}
            csvHref={hrefOf("/v1/accounts/:address/flows", asked)}
            more={flows}
          />
        )}
      </Answered>
    </Section>
  );
}
