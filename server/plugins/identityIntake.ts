import { statfs } from "node:fs/promises";

import { Busy } from "../busy.ts";
import type { Hex } from "../protocol/bytes.ts";
import { identityAnchor, nodeKeyHash } from "../protocol/identity.ts";
import { MAX_LOT_DEVICES, identityLine, readIdentities, type NamedDevice } from "../protocol/identityTree.ts";
import { identityLeafHash } from "../protocol/leaf.ts";
import { linesOf } from "../protocol/lines.ts";
import { FILE_LIMITS } from "../protocol/publication.ts";
import { Refusal } from "../protocol/refusal.ts";
import { buildTree, rootOf } from "../protocol/tree.ts";
import type { IdentitySink } from "../sources.ts";
import type { Db } from "./db.ts";
import type { Files } from "./files.ts";

// Identities that an operator hands in: of a lot that the registry has, and kept once they make its root, not before.

export interface IdentityIntakeOptions {
  readonly db: Db;
  readonly files: Files;
  /** What the disk must have left for anything to be taken. */
  readonly minFreeBytes?: number;
}

const MIN_FREE_BYTES = 1 << 30;
const AT_ONCE = 8;
const AT_ONCE_OF_ONE = 2;
const PIECE_COUNT = 1024;

export function openIdentityIntake({ db, files, minFreeBytes = MIN_FREE_BYTES }: IdentityIntakeOptions): IdentitySink {
  const taking: string[] = []; // by address

  /** Yields the lines again, and ends well only when they make the root. */
  async function* checked(
    identityRoot: Hex,
    devices: AsyncIterable<NamedDevice>,
    keyHashes: ReadonlyMap<bigint, Hex>,
  ): AsyncGenerator<string, void, undefined> {
    const pieces: Uint8Array[] = [];
    let index = 0;
    for await (const device of devices) {
      const { name, nodeId } = device;
      const keyHash = keyHashes.get(nodeId);
      if (keyHash === undefined) throw new Refusal("Identities_UnknownNode", { deviceIndex: index, nodeId });
      if (index % PIECE_COUNT === 0) pieces.push(new Uint8Array(32 * PIECE_COUNT));
      const leaf = identityLeafHash({ index, anchor: identityAnchor(name), nodeKeyHash: keyHash });
      pieces.at(-1)?.set(leaf, 32 * (index++ % PIECE_COUNT));
      yield identityLine(device);
    }
    if (index === 0) throw new Refusal("Identities_None", { identityRoot });
    const found = rootOf(buildTree(Buffer.concat(pieces, 32 * index)));
    if (found !== identityRoot) throw new Refusal("Identities_WrongRoot", { identityRoot, found });
  }

  const take = async (identityRoot: Hex, maxCount: number, pieces: AsyncIterable<Uint8Array>): Promise<void> => {
    const { bavail, bsize } = await statfs(files.folder);
    if (bavail * bsize < minFreeBytes)
      throw new Busy("Files_DiskLow", "too little disk is left to take files; try again later", false, 60_000);
    const { maxLineBytes, maxBytes } = FILE_LIMITS.identities;
    const lines = linesOf(whole(pieces), { maxLineBytes, maxBytes: Math.min(maxBytes, maxCount * maxLineBytes) });
    await files.put(
      "identities",
      identityRoot,
      checked(identityRoot, readIdentities(lines, maxCount), await keysOf(db)),
    );
  };

  return {
    async take(identityRoot, pieces, from) {
      const maxCount = await deviceCountOf(db, identityRoot);
      if (maxCount === undefined) return undefined;
      if (await files.has("identities", identityRoot)) return "known";
      const ownCount = taking.filter((other) => other === from).length;
      if (taking.length >= AT_ONCE || ownCount >= AT_ONCE_OF_ONE)
        throw new Busy("Files_TooManyAtOnce", "other files come in; try again later", ownCount > 0, 2000);
      taking.push(from);
      try {
        await take(identityRoot, maxCount, pieces);
        return "kept";
      } finally {
        taking.splice(taking.indexOf(from), 1);
      }
    },
  };
}

/** What a client breaks off is its fault, and no fault of the disk. */
async function* whole(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* pieces;
  } catch {
    throw new Refusal("Identities_CutOff", {});
  }
}

/** How many devices the lots that have or had this root say they have; undefined without such a lot. */
async function deviceCountOf(db: Db, identityRoot: Hex): Promise<number | undefined> {
  const { rows } = await db.query<{ count: string | null }>(
    `select max((l.args -> 'lot' ->> 'gpuCount')::int8)::text as count from events l
     where l.contract = 'registry' and l.name = 'LotRegistered' and (l.args -> 'lot' ->> 'identityRoot' = $1
       or exists (select 1 from events s where s.contract = 'registry' and s.name = 'DevicesSwapped'
         and s.args ->> 'lotId' = l.args ->> 'lotId' and s.args ->> 'identityRoot' = $1))`,
    [identityRoot],
  );
  const count = rows[0]?.count ?? undefined;
  return count === undefined ? undefined : Math.min(Number(count), MAX_LOT_DEVICES);
}

async function keysOf(db: Db): Promise<Map<bigint, Hex>> {
  const { rows } = await db.query<{ id: string; x: Hex; y: Hex }>(
    `select args ->> 'nodeId' as id, args ->> 'publicX' as x, args ->> 'publicY' as y from events
     where contract = 'registry' and name = 'NodeRegistered'`,
  );
  return new Map(rows.map(({ id, x, y }) => [BigInt(id), nodeKeyHash(x, y)]));
}
