import type { Invoice, Lease } from "../../../../server/protocol/apiLeases.ts";
import type { Action, Plan } from "../../../action.tsx";
import type { Chain } from "../../../chain.ts";
import { Amount } from "../../../components/Amount.tsx";
import { When } from "../../../components/When.tsx";
import type { leasesWords } from "../../../words/leases.ts";
import { allowanceStep } from "../allowance.ts";
import type { Money } from "../money.ts";

type LeasesWords = (typeof leasesWords)["en"];

/** Pays what is left of an invoice, with its late fee up to now. */
export function payAction(words: LeasesWords, lease: Lease, { periodIndex }: Invoice, money: Money): Action {
  const { leaseId } = lease;
  const amount = (assets: bigint) => <Amount assets={assets} {...money} />;
  const plan = async (chain: Chain): Promise<Plan> => {
    const { leases, classToken } = chain.contracts;
    const [left, , lateFee] = await leases.receivable(leaseId, periodIndex);
    const assets = left + lateFee;
    const balance = await classToken(lease.asset).balanceOf(chain.account); // of any ERC-20
    const allow = await allowanceStep(chain, lease.asset, chain.addresses.leases, assets, words.stepPayAllow);
    return {
      effects: [
        { label: words.left, before: amount(left), after: amount(0n), tone: "good" },
        { label: words.lateFees, before: amount(lateFee), after: amount(0n) },
        { label: words.balance, before: amount(balance), after: amount(balance < assets ? 0n : balance - assets) },
      ],
      steps: [...allow, { label: words.stepPay, run: () => leases.pay(leaseId, periodIndex, assets) }],
      ...(balance < assets ? { warnings: [words.lacksBalance] } : {}),
    };
  };
  return { title: words.payTitle(leaseId, String(periodIndex + 1)), plan };
}

/** Invoices the next month, which anyone may do once it is over and final. */
export function settleAction(words: LeasesWords, { leaseId, settledCount }: Lease): Action {
  const plan = async ({ contracts: { leases } }: Chain): Promise<Plan> => {
    await leases.settle.staticCall(leaseId, settledCount);
    return {
      effects: [{ label: words.periods, before: settledCount, after: settledCount + 1 }],
      steps: [{ label: words.stepSettle, run: () => leases.settle(leaseId, settledCount) }],
    };
  };
  return { title: words.settleTitle(leaseId), plan };
}

/** The lessee's notice: the lease ends early, the fee for the months left falls due. */
export function terminateAction(words: LeasesWords, lease: Lease, money: Money): Action {
  const { leaseId, exit } = lease;
  const plan = async ({ contracts: { leases }, provider }: Chain): Promise<Plan> => {
    await leases.terminate.staticCall(leaseId);
    const nowAt = (await provider.getBlock("latest"))?.timestamp ?? 0;
    return {
      effects: [
        { label: words.endsAt, before: "—", after: <When at={nowAt + exit.noticeSec} /> },
        { label: words.exitFee, after: <Amount assets={exit.terminationFeeAssets} {...money} /> },
      ],
      steps: [{ label: words.stepTerminate, run: () => leases.terminate(leaseId) }],
    };
  };
  return { title: words.terminateTitle(leaseId), plan };
}
