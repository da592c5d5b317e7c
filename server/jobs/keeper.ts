import { isError } from "ethers";

import { filingCall } from "../protocol/report.ts";
import { explainRevert, send, sendAppraisal, type Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { Refusal } from "../protocol/refusal.ts";
import { EPOCH_SEC } from "../protocol/units.ts";
import { filingAt } from "../plugins/chain.ts";
import type { Acting, Apart, KeeperAction } from "./acting.ts";
import { keepVault, marketKeeper } from "./keeperCapital.ts";

/**
 * Does what anyone may do and somebody must: records final meters, settles leases, collects rent, runs payment dates, and
 * values the lots again before their value expires.
 */
export interface Keeper {
  /** Does all that is due at a chain time, and says what it did. Doing it again does nothing. */
  run(nowAt: bigint): Promise<KeeperAction[]>;
}

export interface KeeperOptions {
  /** Nothing is sent: what is noted is what would be done as the chain is now. */
  readonly isDryRun?: boolean;
  /** Whose money liquidates; the vault and the markets are kept where it is given. */
  readonly capital?: string;
  /** Told of what a contract refused of one lease, facility, class or borrower: the others have their turn. Without it the turn ends. */
  readonly onFailure?: (subject: string, error: unknown) => void;
}

export function startKeeper(contracts: Contracts, deployment: Deployment, options: KeeperOptions = {}): Keeper {
  const { telemetry, leases, valuation } = contracts;
  const { isDryRun = false, capital, onFailure } = options;
  const keepMarkets = capital === undefined ? undefined : marketKeeper(contracts, deployment, capital);

  const apart: Apart = async (subject, keep) => {
    try {
      await keep();
    } catch (error) {
      if (onFailure === undefined || !isOfOneSubject(error)) throw error;
      onFailure(subject, error);
    }
  };

  const isRecorded = async (lotId: bigint, epoch: bigint): Promise<boolean> => {
    try {
      await telemetry.meterAt(lotId, epoch);
      return true;
    } catch (error) {
      if (explainRevert(error)?.code === "Telemetry_NotRecorded") return false;
      throw error;
    }
  };

  /** Records a lot's meter; false while the epoch is not on-chain, or not final yet. */
  const record = async (lotId: bigint, epoch: bigint, nowAt: bigint, act: Acting): Promise<boolean> => {
    if (await isRecorded(lotId, epoch)) return true;
    if ((await telemetry.lastEpoch()) < epoch) return false;
    const filing = await filingAt(telemetry, epoch);
    if (nowAt < filing.submittedAt + (await telemetry.challengeSec())) return false;
    // Of a lot that no oracle reports, nothing is recorded but that this is final.
    const meterIndexes = filing.meters.flatMap((meter, index) => (meter.lotId === lotId ? [index] : []));
    await act({ verb: "record", subject: `lot ${lotId}, epoch ${epoch}` }, () =>
      send(telemetry.record(epoch, filingCall(filing), meterIndexes)),
    );
    return true;
  };

  /** Settles a period; false while it waits for an index. */
  const settle = async (leaseId: bigint, period: bigint, act: Acting): Promise<boolean> => {
    try {
      const subject = `lease ${leaseId}, period ${period}`;
      await act({ verb: "settle", subject }, () => send(leases.settle(leaseId, period)));
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.code === "Lease_IndexNotFixed") return false;
      throw error;
    }
  };

  /** Settles every period that has ended; gives the payees of those whose meters are not final, or index not fixed. */
  const settleAll = async (nowAt: bigint, act: Acting): Promise<Set<string>> => {
    const waiting = new Set<string>();
    const leaseCount = await leases.leaseCount();
    for (let leaseId = 1n; leaseId <= leaseCount; leaseId++) {
      const { terms, status } = await leases.lease(leaseId);
      const progress = { isWaiting: false };
      await apart(`lease ${leaseId}`, async () => {
        for (let period = status.settledCount; period < status.endCount; period++) {
          const { fromAt, untilAt } = await leases.periodAt(leaseId, period);
          if (untilAt > nowAt) break;
          progress.isWaiting = true; // until it is settled, also where that fails
          const isReady =
            (await record(terms.lotId, fromAt / EPOCH_SEC - 1n, nowAt, act)) &&
            (await record(terms.lotId, untilAt / EPOCH_SEC - 1n, nowAt, act)) &&
            (await settle(leaseId, period, act));
          if (!isReady) break;
          progress.isWaiting = false;
        }
      });
      if (progress.isWaiting) waiting.add(await leases.payeeOf(leaseId));
    }
    return waiting;
  };

  const triedAt = new Map<string, bigint>();

  /** Whether a facility's value has more than half of its life left; one that is void has none. */
  const isFresh = async (address: string, nowAt: bigint): Promise<boolean> => {
    const { computedAt, maxAgeSec } = await valuation.facilityValue(address);
    return nowAt < computedAt + maxAgeSec / 2n;
  };

  /**
   * Values a facility's lots where less than half of the value's life is left, or it is void. Where that did not help
   * (an input is out of its range, or expires first) it is tried again no sooner than after a quarter of that life.
   */
  const appraise = async (address: string, nowAt: bigint, act: Acting): Promise<void> => {
    const maxAgeSec = await valuation.maxAgeSec();
    if ((await isFresh(address, nowAt)) || nowAt < (triedAt.get(address) ?? 0n) + maxAgeSec / 4n) return;
    const facility = contracts.facility(address);
    const lotIds = deployment.identities.map(({ lotId }) => BigInt(lotId));
    const pledged = await Promise.all(lotIds.map((lotId) => facility.isPledged(lotId)));
    const ownIds = lotIds.filter((_, index) => pledged[index]).sort((a, b) => (a < b ? -1 : 1));
    if (ownIds.length === 0) return;
    triedAt.set(address, nowAt);
    try {
      await act({ verb: "appraise", subject: address }, () => sendAppraisal(valuation, address, ownIds));
      if (await isFresh(address, nowAt)) triedAt.delete(address);
    } catch (error) {
      // What it refuses is for the owners of its inputs; until then the value goes stale, as it must.
      if (error instanceof Refusal && error.code.startsWith("Valuation_")) return;
      throw error;
    }
  };

  return {
    async run(nowAt) {
      const actions: KeeperAction[] = [];
      const act: Acting = async (action, sending) => {
        const isNoted = actions.some(({ verb, subject }) => verb === action.verb && subject === action.subject);
        if (isDryRun && isNoted) return; // it would be done by then
        if (!isDryRun) await sending();
        actions.push(action);
      };
      const waiting = await settleAll(nowAt, act);
      for (const { address } of deployment.facilities) {
        const facility = contracts.facility(address);
        const asset = await facility.asset();
        await apart(`payments of ${address}`, async () => {
          if ((await leases.collectableAssets(address, asset)) > 0n) {
            await act({ verb: "collect", subject: address }, () => send(facility.collect()));
          }
          // A payment date waits for the rent of the month before it.
          while (!waiting.has(address) && (await isPaymentDue(facility, nowAt))) {
            await act({ verb: "distribute", subject: address }, () => send(facility.distribute()));
            if (isDryRun) break;
          }
        });
        await apart(`value of ${address}`, () => appraise(address, nowAt, act));
      }
      if (keepMarkets !== undefined) {
        await keepVault(contracts, deployment, act, apart);
        await keepMarkets(act, apart);
      }
      return actions;
    },
  };
}

/** Whether a contract refused something; a chain that does not answer, or gas that is lacking, is everybody's trouble. */
function isOfOneSubject(error: unknown): boolean {
  if (error instanceof Refusal) return error.code !== "Transaction_NotMined";
  return isError(error, "CALL_EXCEPTION");
}

// Performing, CashTrap, EarlyAmortisation, Enforcement.
const [FIRST_PAYING, LAST_PAYING] = [2n, 5n];

async function isPaymentDue(facility: ReturnType<Contracts["facility"]>, nowAt: bigint): Promise<boolean> {
  const state = await facility.state();
  return FIRST_PAYING <= state && state <= LAST_PAYING && (await facility.nextPaymentAt()) <= nowAt;
}
