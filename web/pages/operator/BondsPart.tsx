import type { Bond } from "../../../server/protocol/apiRegistry.ts";
import type { Action, ActionStep, Plan } from "../../action.tsx";
import { hrefOf, useList } from "../../api.tsx";
import type { Chain } from "../../chain.ts";
import { Amount } from "../../components/Amount.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { fleetWords } from "../../words/fleet.ts";
import { allowanceStep } from "./allowance.ts";
import { LastingAction } from "./LastingAction.tsx";
import { Mark } from "./Mark.tsx";
import { useMoney, type Money } from "./money.ts";

/** What stands behind lots, and what lacks. */
export function BondsPart({ operator }: { operator: string | undefined }) {
  const words = useWords(fleetWords);
  const money = useMoney();
  const { account } = useWallet();
  const query = { operator, kind: "lot" };
  const bonds = useList("/v1/bonds", "after", { query });
  const shown = (assets: string) => (money === undefined ? "…" : <Amount assets={assets} {...money} digitCount={0} />);
  return (
    <Section title={words.bondsTitle} lead={words.bondsLead}>
      <Answered of={bonds} empty={<Empty title={words.noBonds} />}>
        {(list) => (
          <DataTable<Bond>
            caption={words.bondsTitle}
            rows={list}
            rowKey={({ bondId }) => bondId}
            csvHref={hrefOf("/v1/bonds", { query })}
            more={bonds}
            columns={[
              { key: "lot", title: words.lot, cell: ({ lotId }) => lotId },
              { key: "assets", title: words.standing, isFigure: true, cell: (bond) => shown(bond.assets) },
              { key: "required", title: words.required, isFigure: true, cell: (bond) => shown(bond.requiredAssets) },
              { key: "away", title: words.unbonding, isFigure: true, cell: (bond) => shown(bond.unbondingAssets) },
              { key: "cover", title: words.cover, isFigure: true, cell: (bond) => shown(bond.coverAssets) },
              { key: "slashed", title: words.slashed, isFigure: true, cell: (bond) => shown(bond.slashedAssets) },
              {
                key: "state",
                title: words.state,
                cell: ({ isMet }) => <Mark tone={isMet ? "good" : "bad"}>{isMet ? words.met : words.short}</Mark>,
              },
              {
                key: "act",
                title: "",
                cell: (bond) =>
                  bond.operator === account && money !== undefined && <PostButton bond={bond} money={money} />,
              },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}

function PostButton({ bond, money }: { bond: Bond; money: Money }) {
  const words = useWords(fleetWords);
  const plan = async (chain: Chain): Promise<Plan> => {
    const { bonds, classToken } = chain.contracts;
    const [standing, required, balance] = await Promise.all([
      bonds.standingAssets(bond.bondId),
      bonds.requiredLotAssets(BigInt(bond.lotId ?? 0)),
      classToken(money.asset).balanceOf(chain.account), // of any ERC-20
    ]);
    const lacking = required > standing ? required - standing : 0n;
    if (balance < lacking) {
      const { FailedAction } = await import("../../chain.ts");
      const facts = { neededAssets: String(lacking), balanceAssets: String(balance) };
      throw new FailedAction("Wallet_LacksAssets", facts);
    }
    const amount = (assets: bigint) => <Amount assets={assets} {...money} />;
    const allow = await allowanceStep(chain, money.asset, chain.addresses.bonds, lacking, words.allow);
    const post: ActionStep = { label: words.post, run: () => bonds.post(bond.bondId, lacking) };
    return {
      effects: [
        { label: words.standing, before: amount(standing), after: amount(standing + lacking), tone: "good" },
        { label: words.balance, before: amount(balance), after: amount(balance - lacking) },
      ],
      steps: [...allow, post],
    };
  };
  const action: Action = { title: words.postTitle(bond.lotId ?? ""), plan };
  return (
    <LastingAction isOpen={!bond.isMet} action={action} size="xs" variant="default">
      {words.post}
    </LastingAction>
  );
}
