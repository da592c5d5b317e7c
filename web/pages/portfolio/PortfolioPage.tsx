import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import type { BasisMethod, Portfolio } from "../../../server/protocol/apiMoney.ts";
import { useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { InMoney, Money } from "../../components/Money.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { portfolioWords } from "../../words/portfolio.ts";
import { FlowsSection } from "./FlowsSection.tsx";
import { PositionsSection } from "./PositionsSection.tsx";
import { TaxSection } from "./TaxSection.tsx";

/** What the connected account has in facilities. */
export default function PortfolioPage() {
  const words = useWords(portfolioWords);
  const { account } = useWallet();
  return account === undefined ? (
    <>
      <PageHead title={words.title} lead={words.lead} />
      <Empty title={words.noWallet}>{words.noWalletHint}</Empty>
    </>
  ) : (
    <Own account={account} />
  );
}

function Own({ account }: { account: string }) {
  const words = useWords(portfolioWords);
  const [method, setMethod] = useState<BasisMethod>("fifo");
  const portfolio = useAnswer("/v1/accounts/:address/portfolio", { params: { address: account }, query: { method } });
  return (
    <>
      <PageHead
        title={words.title}
        lead={
          <>
            {words.of} <AddressText value={account} />
          </>
        }
        actions={
          portfolio.data !== undefined && (
            <SegmentedControl
              size="xs"
              aria-label={words.method}
              value={method}
              onChange={setMethod}
              data={[
                { value: "fifo", label: words.fifo },
                { value: "average", label: words.average },
              ]}
            />
          )
        }
      />
      <Answered of={portfolio}>
        {(shown) => (
          <>
            <Totals portfolio={shown} />
            <PositionsSection portfolio={shown} />
            <FlowsSection account={account} method={method} portfolio={shown} />
            <TaxSection account={account} method={method} portfolio={shown} />
          </>
        )}
      </Answered>
    </>
  );
}

function Totals({ portfolio }: { portfolio: Portfolio }) {
  const words = useWords(portfolioWords);
  const { language } = useLanguage();
  return portfolio.totals.map((total) => (
    <InMoney key={total.asset} of={{ decimalCount: total.assetDecimalCount, unit: total.assetSymbol }}>
      <div style={{ marginBottom: 32 }}>
        <Figures perRow={4}>
          <Figure label={words.value} note={total.valueAssets === null ? words.noValue : words.valueNote}>
            <Money assets={total.valueAssets} isShort />
          </Figure>
          <Figure label={words.xirr} note={words.xirrNote}>
            {total.xirrBps === null ? "—" : percentText(total.xirrBps, language)}
          </Figure>
          <Figure label={words.interest} note={words.interestNote}>
            <Money assets={total.interestAssets} isShort />
          </Figure>
          <Figure label={words.claimable} note={words.claimableNote}>
            <Money assets={total.claimableAssets} isShort />
          </Figure>
          <Figure label={words.paidIn}>
            <Money assets={total.paidInAssets} isShort />
          </Figure>
          <Figure label={words.paidOut}>
            <Money assets={total.paidOutAssets} isShort />
          </Figure>
          <Figure label={words.cost}>
            <Money assets={total.costAssets} isShort />
          </Figure>
          <Figure label={words.realised}>
            <Money assets={total.realisedAssets} isShort />
          </Figure>
        </Figures>
      </div>
    </InMoney>
  ));
}
