import { isSignedBy } from "../nodekey.ts";
import { reportedReadings, type ReportedReading } from "../plugins/ballots.ts";
import type { Directory, Registry } from "../plugins/directory.ts";
import { insertReadings, readingsOf, type Outcome, type ReadingRow } from "../plugins/queries.ts";
import { isCounted } from "../plugins/registryFacts.ts";
import type { Store } from "../plugins/store.ts";
import type { VerifiedReading } from "../protocol/aggregate.ts";
import type { Hex } from "../protocol/bytes.ts";
import { packReading, readingOfBody } from "../protocol/packed.ts";
import { parseReading, readingHash, type Reading, type SignedReadingJson } from "../protocol/reading.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { checkFollows, checkGrowth, checkReading } from "../protocol/rules.ts";
import { epochEndAt } from "../protocol/units.ts";

export interface ReadingsOptions {
  readonly oracleId: number;
  readonly store: Store;
  readonly registry: Registry;
  readonly readingDomain: Hex;
  /** How long after its hour a reading is taken, and how far this oracle's clock may be off. */
  readonly maxDelaySec: bigint;
  readonly skewSec: bigint;
}

/** What became of one submitted reading: a refusal says why it was not taken. */
export type Ingested = { outcome: Outcome } | { outcome: "refused"; refusal: Refusal };

/** A reading as it is held: checked when it came. */
export type HeldReading = VerifiedReading & { readonly receivedAt: bigint };

/** The readings that one oracle was given, and the rules that make one valid. */
export interface Readings {
  /** Verifies signed readings and makes them durable; each is taken, known, refused, or a second one of its epoch. */
  ingest(batch: readonly SignedReadingJson[], receivedAt: bigint): Promise<Ingested[]>;
  /** Keeps what a peer held, at any time; gives those that are valid. */
  adopt(batch: readonly SignedReadingJson[], receivedAt: bigint): Promise<VerifiedReading[]>;
  /** The readings of an epoch that are held and valid. */
  valid(epoch: bigint): Promise<HeldReading[]>;
  /** Refuses a reading that is not valid; `isSigned` where the signature was checked before. */
  check(verified: VerifiedReading, directory: Directory, isSigned: boolean): void;
  /** Reads the newest reported readings anew. */
  reload(): Promise<void>;
  /** Notes the readings of a set that was reported. */
  note(reported: readonly ReportedReading[]): void;
}

export function startReadings(options: ReadingsOptions): Readings {
  const { oracleId, store, registry, readingDomain } = options;
  /** Each node's newest reported reading: the next one has to continue it. */
  let newest: Map<bigint, ReportedReading> | undefined;

  const history = async () => (newest ??= await reportedReadings(store.db, oracleId));

  const parse = ({ reading: json, signature }: Partial<SignedReadingJson>): VerifiedReading => {
    const reading = parseReading(json);
    const { nodeId, epoch } = reading;
    demand(typeof signature === "string", "Reading_Unsigned", { nodeId, epoch });
    return { reading, readingHash: readingHash(readingDomain, reading), signature: signature as Hex };
  };

  // Of an epoch that was reported already nothing can change; after a reading that no report had, the counters alone bind.
  const checkOrder = (reading: Reading) => {
    const before = newest?.get(reading.nodeId);
    if (before === undefined || before.reading.epoch >= reading.epoch) return;
    if (reading.sequenceIndex > before.reading.sequenceIndex + 1n) checkGrowth(reading, before.reading);
    else checkFollows(reading, before.reading, before.hash);
  };

  const check: Readings["check"] = ({ reading, readingHash: hash, signature }, directory, isSigned) => {
    const { nodeId, lotId, epoch } = reading;
    const place = directory.lots.get(lotId);
    if (place === undefined) throw new Refusal("Reading_WrongLot", { nodeId, lotId, epoch });
    demand(isCounted(place, epochEndAt(epoch)), "Reading_LotNotInForce", { nodeId, lotId, epoch });
    const node = directory.nodes.get(nodeId);
    if (node === undefined) throw new Refusal("Reading_UnknownNode", { nodeId, epoch });
    if (!isSigned && !isSignedBy(node.key, hash, signature)) {
      throw new Refusal("Reading_BadSignature", { nodeId, epoch, readingHash: hash });
    }
    checkReading(reading, epoch, place.lot);
    for (const { deviceIndex, deviceId } of reading.devices) {
      const device = place.devices[deviceIndex];
      if (device === undefined || device.deviceId !== deviceId || device.nodeId !== nodeId) {
        throw new Refusal("Reading_WrongDevice", { nodeId, epoch, deviceIndex, deviceId });
      }
    }
    checkOrder(reading);
  };

  const directoryAt = (epoch: bigint) => registry.at(epochEndAt(epoch));

  const keep = async (verified: readonly VerifiedReading[], receivedAt: bigint): Promise<Outcome[]> =>
    await insertReadings(
      store.db,
      oracleId,
      verified.map(({ reading, readingHash: hash, signature }) => ({
        epoch: reading.epoch,
        nodeId: reading.nodeId,
        lotId: reading.lotId,
        sequence: reading.sequenceIndex,
        readingHash: hash,
        body: packReading(reading),
        signature,
        receivedAt,
      })),
    );

  const requireOpen = ({ nodeId, epoch }: Reading, receivedAt: bigint) => {
    const endAt = epochEndAt(epoch);
    const latestAt = endAt + options.maxDelaySec + options.skewSec;
    demand(receivedAt + options.skewSec >= endAt, "Reading_Future", { nodeId, epoch, endAt, receivedAt });
    demand(receivedAt <= latestAt, "Reading_TooOld", { nodeId, epoch, latestAt, receivedAt });
  };

  /** Takes the readings that `admit` lets pass; each has its result at its place. */
  const take = async (
    batch: readonly SignedReadingJson[],
    receivedAt: bigint,
    admit: (reading: Reading) => void,
  ): Promise<{ results: Ingested[]; taken: VerifiedReading[] }> => {
    await history();
    const results = new Map<number, Ingested>();
    const taken: { place: number; verified: VerifiedReading }[] = [];
    const directories = new Map<bigint, Directory>();
    const directoryOf = async (epoch: bigint): Promise<Directory> => {
      const directory = directories.get(epoch) ?? (await directoryAt(epoch));
      directories.set(epoch, directory);
      return directory;
    };
    for (const [place, signed] of batch.entries()) {
      try {
        const verified = parse(signed);
        admit(verified.reading);
        check(verified, await directoryOf(verified.reading.epoch), false);
        taken.push({ place, verified });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        results.set(place, { outcome: "refused", refusal: error });
      }
    }
    const outcomes = await keep(
      taken.map(({ verified }) => verified),
      receivedAt,
    );
    outcomes.forEach((outcome, index) => results.set(taken[index]!.place, { outcome }));
    return {
      results: batch.map((_, place) => results.get(place)!),
      taken: taken.map(({ verified }) => verified),
    };
  };

  return {
    async ingest(batch, receivedAt) {
      return (await take(batch, receivedAt, (reading) => requireOpen(reading, receivedAt))).results;
    },
    async adopt(batch, receivedAt) {
      return (await take(batch, receivedAt, () => undefined)).taken;
    },
    async valid(epoch) {
      await history();
      const directory = await directoryAt(epoch);
      return (await readingsOf(store.db, oracleId, epoch)).flatMap((row) => {
        const held = heldOf(row);
        return isValid(() => check(held, directory, true)) ? [held] : [];
      });
    },
    check,
    async reload() {
      newest = await reportedReadings(store.db, oracleId);
    },
    note(reported) {
      for (const one of reported) newest?.set(one.reading.nodeId, one);
    },
  };
}

function heldOf({ body, readingHash: hash, signature, receivedAt }: ReadingRow): HeldReading {
  return { reading: readingOfBody(body), readingHash: hash, signature, receivedAt };
}

function isValid(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
