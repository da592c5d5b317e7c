import type { LotDetail } from "../protocol/api.ts";
import type { Alert } from "../protocol/apiRegistry.ts";
import type { AlertFilter } from "../sourcesCapital.ts";
import type { Directory } from "./directory.ts";
import type { View } from "./events.ts";
import { bondsOf, disputesBefore } from "./readmodelBonds.ts";
import { haltOf, newestEpochs } from "./readmodelEpochs.ts";
import { lotsAfter } from "./readmodelLots.ts";
import { nodesAfter } from "./readmodelSites.ts";

// What calls for somebody's attention at the head: each alert stands as long as its cause does.

const MAX_COUNT = 1_000; // of a kind
const EXPIRING_SEC = 30n * 86_400n;
const GRAVITY: readonly Alert["severity"][] = ["critical", "warning", "notice"];

const NOTHING = {
  ...{ sinceAt: null, deadlineAt: null, operator: null, lotId: null, nodeId: null, disputeId: null },
  ...{ epoch: null, assets: null, level: null },
};

/** All alerts: the grave ones first, of those the newest. */
export async function alertsNow(view: View, directory: Directory, { operator, kind }: AlertFilter): Promise<Alert[]> {
  const lots = await lotsAfter(view, { limit: MAX_COUNT * 10 });
  const all = [
    ...(await haltAlerts(view)),
    ...(await freezeAlerts(view, lots)),
    ...(await disputeAlerts(view)),
    ...(await bondAlerts(view, lots)),
    ...lots.flatMap((lot) => evidenceAlerts(lot, view.head.time)),
    ...(await nodeAlerts(view, directory, operator)),
  ];
  return all
    .filter((alert) => operator === undefined || alert.operator === null || alert.operator === operator)
    .filter((alert) => kind === undefined || alert.kind === kind)
    .sort((a, b) => {
      const graver = GRAVITY.indexOf(a.severity) - GRAVITY.indexOf(b.severity);
      return graver !== 0 ? graver : Number(BigInt(b.sinceAt ?? 0) - BigInt(a.sinceAt ?? 0));
    });
}

async function haltAlerts(view: View): Promise<Alert[]> {
  const halt = await haltOf(view);
  if (halt === undefined) return [];
  const [epoch, sinceAt] = [String(halt.fromEpoch), String(halt.sinceAt)];
  return [{ ...NOTHING, alertId: `halted/${epoch}`, kind: "Halted", severity: "critical", epoch, sinceAt }];
}

/** A lot at fault is frozen; the other lot's operator is told that a board of its own stands there too. */
async function freezeAlerts({ db }: View, lots: readonly LotDetail[]): Promise<Alert[]> {
  const { rows } = await db.query<{ lotId: string; injuredLotId: string; at: bigint }>(
    `select distinct on (e.args ->> 'lotId') e.args ->> 'lotId' "lotId", e.args ->> 'injuredLotId' "injuredLotId",
       b.time at from events e join blocks b on b.number = e.block
     where e.contract = 'registry' and e.name = 'DuplicateProven'
     order by e.args ->> 'lotId', e.block desc, e.log_index desc`,
  );
  const byId = new Map(lots.map((lot) => [lot.lotId, lot]));
  return rows.flatMap(({ lotId, injuredLotId, at }): Alert[] => {
    const lot = byId.get(lotId);
    if (lot?.isFrozen !== true) return [];
    const sinceAt = String(at);
    const { operator } = lot;
    const injured = byId.get(injuredLotId)?.operator ?? null;
    return [
      { ...NOTHING, alertId: `frozen/${lotId}`, kind: "Frozen", severity: "critical", operator, lotId, sinceAt },
      {
        ...{ ...NOTHING, alertId: `duplicate/${injuredLotId}/${lotId}`, kind: "Duplicate", severity: "warning" },
        ...{ operator: injured, lotId: injuredLotId, sinceAt },
      },
    ];
  });
}

async function disputeAlerts(view: View): Promise<Alert[]> {
  const disputes = await disputesBefore(view, { limit: MAX_COUNT }, { isOpen: true });
  return disputes.map(({ disputeId, state, operator, lotId, epoch, disputedAt, deadlineAt }) => ({
    ...{ ...NOTHING, alertId: `dispute/${disputeId}`, kind: "Dispute" },
    severity: state === "Open" ? "critical" : "warning",
    ...{ operator, lotId, disputeId, epoch, sinceAt: disputedAt, deadlineAt },
  }));
}

/** Of lots that somebody has a lien on: nobody relies on the others. */
async function bondAlerts(view: View, lots: readonly LotDetail[]): Promise<Alert[]> {
  const pledged = new Set(lots.flatMap(({ lotId, lienHolder }) => (lienHolder === null ? [] : [lotId])));
  return (await bondsOf(view)).flatMap(({ kind, lotId, operator, isMet, assets, requiredAssets }): Alert[] => {
    if (kind !== "lot" || lotId === null || isMet || !pledged.has(lotId)) return [];
    const missing = BigInt(requiredAssets) - BigInt(assets);
    return [
      {
        ...{ ...NOTHING, alertId: `bond/${lotId}`, kind: "BondShort", severity: "warning", operator, lotId },
        assets: String(missing > 0n ? missing : 0n),
      },
    ];
  });
}

/** Levels that end within thirty days, or have ended. */
function evidenceAlerts({ lotId, operator, levels, isRetired }: LotDetail, nowAt: bigint): Alert[] {
  if (isRetired) return [];
  return levels.flatMap(({ level, expiresAt }): Alert[] => {
    const leftSec = BigInt(expiresAt) - nowAt;
    if (leftSec > EXPIRING_SEC) return [];
    return [
      {
        ...{ ...NOTHING, alertId: `evidence/${lotId}/${level}`, kind: "EvidenceExpiring", operator, lotId, level },
        ...{ severity: leftSec > 0n ? "notice" : "warning", deadlineAt: expiresAt },
      },
    ];
  });
}

async function nodeAlerts(view: View, directory: Directory, operator?: string): Promise<Alert[]> {
  const { lastEpoch } = await newestEpochs(view);
  const epoch = lastEpoch === null ? null : String(lastEpoch);
  const nodes = await nodesAfter(view, directory, { limit: MAX_COUNT }, { operator, isMissing: true });
  return nodes.map((node) => ({
    ...{ ...NOTHING, alertId: `node/${node.nodeId}`, kind: "MissingNode", severity: "warning" },
    ...{ operator: node.operator, lotId: node.lotId, nodeId: node.nodeId, epoch },
    sinceAt: node.lastEpoch === null ? null : String((BigInt(node.lastEpoch) + 1n) * 3600n),
  }));
}
