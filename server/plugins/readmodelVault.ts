import type { Vault, VaultHolding, VaultRequest } from "../protocol/apiExchange.ts";
import type { Contracts } from "../protocol/contracts.ts";
import { BPS, WAD } from "../protocol/units.ts";
import type { PageAfter } from "../pages.ts";
import type { Db } from "./db.ts";
import type { BlockRow } from "./events.ts";
import type { ClassRow } from "./readmodelClasses.ts";
import { stateOf } from "./readmodelPrices.ts";

// The income vault: which batches and holders there are is told by events, what they are worth by the contract.

const RAY = 10n ** 27n;
/** How long a batch takes requests before it is filled (contracts/vault/Redemptions.sol). */
const OPEN_SEC = 3600n;
const [VIRTUAL_ASSETS, VIRTUAL_SHARES] = [1n, 10n ** 6n];

/** The vault at a block; `holdings` are all that it may hold. */
export async function vaultNow(
  contracts: Contracts,
  db: Db,
  holdings: readonly VaultHolding[],
  head: BlockRow,
): Promise<Vault> {
  const { vault } = contracts;
  const [exitAssets, entryAssets, cashAssets, setAsideAssets, freeAssets] = await Promise.all([
    ...[vault.totalAssets(), vault.entryAssets(), vault.cashAssets(), vault.setAsideAssets(), vault.freeAssets()],
  ]);
  const [totalShares, pendingShares, decimalCount, maxDiscountBps, maxDailyLossBps] = await Promise.all([
    ...[vault.totalSupply(), vault.pendingShares(), vault.decimals(), vault.maxDiscountBps(), vault.maxDailyLossBps()],
  ]);
  const [name, symbol, asset, address] = await Promise.all([
    ...[vault.name(), vault.symbol(), vault.asset(), vault.getAddress()],
  ]);
  const isPaused = await vault.isPaused();
  const { openId, fillableAt } = await queueOf(contracts, db);
  // Whole assets for a whole share, which has more decimals: the virtual shares say how many.
  const perShare = (assets: bigint | undefined) =>
    String(((assets! + VIRTUAL_ASSETS) * VIRTUAL_SHARES * WAD) / (totalShares! + VIRTUAL_SHARES));
  return {
    ...{ address: address!, asset: asset!, name: name!, symbol: symbol! },
    shareDecimalCount: Number(decimalCount),
    totalShares: String(totalShares),
    exitAssets: String(exitAssets),
    entryAssets: String(entryAssets),
    exitWad: perShare(exitAssets),
    entryWad: perShare(entryAssets),
    isUsable: holdings.every(({ shares, isUsable }) => shares === "0" || isUsable),
    isPaused,
    cashAssets: String(cashAssets),
    setAsideAssets: String(setAsideAssets),
    freeAssets: String(freeAssets),
    pendingShares: String(pendingShares),
    maxDiscountBps: Number(maxDiscountBps),
    maxDailyLossBps: Number(maxDailyLossBps),
    openRequestId: String(openId),
    fillableAt: fillableAt === null ? null : String(fillableAt > head.time ? fillableAt : head.time),
  };
}

/** The batch that takes requests, and from when on the oldest one that waits may be filled. */
async function queueOf({ vault }: Contracts, db: Db): Promise<{ openId: bigint; fillableAt: bigint | null }> {
  const { rows } = await db.query<{ oldestId: bigint }>(
    `select coalesce(max((args ->> 'requestId')::int8), 0) + 1 "oldestId" from events
     where contract = 'vault' and name = 'Fulfilled' and (args ->> 'isFilled')::boolean`,
  );
  let oldestId = rows[0]?.oldestId ?? 1n;
  let batch = await vault.batch(oldestId);
  // One whose last requests were cancelled ended too, and nothing tells of it.
  if (batch.filledRay > 0n && batch.requestedShares === 0n) batch = await vault.batch(++oldestId);
  const openId = batch.filledRay === 0n ? oldestId : oldestId + 1n;
  return { openId, fillableAt: batch.heldShares === 0n ? null : batch.openedAt + OPEN_SEC };
}

/** What the vault may hold, by class token. */
export async function holdingsNow(
  contracts: Contracts,
  classes: ReadonlyMap<string, ClassRow>,
  head: BlockRow,
): Promise<VaultHolding[]> {
  const { vault } = contracts;
  const address = await vault.getAddress();
  const tokens = [...(await vault.classTokens())].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const found = await Promise.all(
    tokens.map(async (classToken) => {
      const token = contracts.classToken(classToken);
      const { facility, classIndex, shares: booked } = await vault.holdingOf(classToken);
      const [worth, totalShares, balance, incomeAssets, capAssets] = await Promise.all([
        contracts.valuation.classValue(facility, classIndex),
        token.totalSupply(),
        token.balanceOf(address),
        token.claimableAssets(address),
        vault.capAssets(facility),
      ]);
      const shares = booked < balance ? booked : balance;
      const part = (assets: bigint) => (totalShares === 0n ? 0n : (assets * shares) / totalShares);
      const { computedAt, maxAgeSec, heldUntilAt } = worth;
      return {
        ...{ classToken, facility, classIndex: Number(classIndex), symbol: classes.get(classToken)?.symbol ?? "" },
        shares: String(shares),
        exitAssets: String(part(worth.exitAssets)),
        entryAssets: String(part(worth.entryAssets)),
        incomeAssets: String(incomeAssets),
        facilityCapAssets: String(capAssets),
        ...{ computedAt: String(computedAt), maxAgeSec: Number(maxAgeSec), heldUntilAt: String(heldUntilAt) },
        isUsable: stateOf(worth, head.time) === "Usable",
      };
    }),
  );
  return found.map((holding) => {
    const ofFacility = found.filter(({ facility }) => facility === holding.facility);
    const entryAssets = ofFacility.reduce((sum, one) => sum + BigInt(one.entryAssets), 0n);
    return { ...holding, facilityEntryAssets: String(entryAssets) };
  });
}

/** Batches by id, with what was filled of them. */
export async function batchesAfter(
  { vault }: Contracts,
  db: Db,
  { limit, after }: PageAfter<bigint>,
): Promise<VaultRequest[]> {
  const { rows } = await db.query<{ requestId: bigint; shares: bigint; assets: bigint }>(
    `select r.id "requestId", coalesce(sum((f.args ->> 'shares')::numeric), 0) shares,
       coalesce(sum((f.args ->> 'assets')::numeric), 0) assets
     from (select distinct (args ->> 'requestId')::int8 id from events
       where contract = 'vault' and name = 'RedeemRequest') r
     left join events f on f.contract = 'vault' and f.name = 'Fulfilled' and (f.args ->> 'requestId')::int8 = r.id
     where r.id > $1 group by r.id order by r.id limit $2`,
    [after ?? 0n, limit],
  );
  return await Promise.all(
    rows.map(async ({ requestId, shares, assets }) => {
      const batch = await vault.batch(requestId);
      return {
        ...{
          requestId: String(requestId),
          controller: null,
          ...timesOf(batch),
          pendingShares: String(batch.heldShares),
        },
        ...{ claimableShares: String(shares), claimableAssets: String(assets), cancelledShares: "0" },
        filledBps: Number((batch.filledRay * BPS) / RAY),
      };
    }),
  );
}

/** An account's requests that are not over. */
export async function requestsOf(
  { vault }: Contracts,
  controller: string,
  { limit, after }: PageAfter<bigint>,
): Promise<VaultRequest[]> {
  const ids = (await vault.requestIds(controller)).filter((requestId) => after === undefined || requestId > after);
  const claimableTotal = await vault.maxWithdraw(controller);
  const found = await Promise.all(
    ids.slice(0, limit).map(async (requestId) => {
      const [batch, pendingShares, claimableShares, cancelledShares] = await Promise.all([
        vault.batch(requestId),
        vault.pendingRedeemRequest(requestId, controller),
        vault.claimableRedeemRequest(requestId, controller),
        vault.claimableCancelRedeemRequest(requestId, controller),
      ]);
      return { requestId, batch, pendingShares, claimableShares, cancelledShares };
    }),
  );
  const isOnly = found.filter(({ claimableShares }) => claimableShares > 0n).length === 1 && ids.length <= limit;
  // Each filled share of a batch brought the same, but for those of a request that was cancelled between two fills.
  const assetsOf = ({ batch, claimableShares }: (typeof found)[number]) =>
    batch.filledRay === 0n ? 0n : (claimableShares * batch.perShareRay) / batch.filledRay;
  return found
    .map((one) => ({ ...one, assets: assetsOf(one) }))
    .map(({ requestId, batch, assets, ...own }) => ({
      ...{ requestId: String(requestId), controller, ...timesOf(batch), pendingShares: String(own.pendingShares) },
      claimableShares: String(own.claimableShares),
      claimableAssets: String(isOnly && own.claimableShares > 0n ? claimableTotal : assets),
      cancelledShares: String(own.cancelledShares),
      filledBps: Number((batch.filledRay * BPS) / RAY),
    }));
}

function timesOf({ openedAt }: { readonly openedAt: bigint }) {
  return { openedAt: String(openedAt), fillableAt: String(openedAt + OPEN_SEC) };
}
