import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Dice } from "./dice.ts";
import type { Ground } from "./ground.ts";
import type { Oracles } from "./oracles.ts";
import type { Pace } from "./pace.ts";
import type { PlannedFault } from "./plan.ts";
import type { Wire, WireMode } from "./wire.ts";

/** What faults are done to. */
export interface Scene {
  readonly ground: Ground;
  readonly oracles: Oracles;
  readonly pace: Pace;
  readonly dice: Dice;
  readonly say: (text: string) => void;
}

type Heal = () => Promise<void> | void;

const LIAR = join(import.meta.dirname, "liar.ts");
const ORACLES = [0, 1, 2, 3] as const;

/** Does it; gives what undoes it. */
export async function inflict(scene: Scene, fault: PlannedFault): Promise<Heal> {
  const { oracles, pace, say } = scene;
  const { kind, victims, size } = fault;
  const [victim = 0] = victims;
  const setAll = (wires: readonly (Wire | undefined)[], mode: WireMode) => wires.forEach((wire) => wire?.set(mode));
  const hurt = (wires: readonly (Wire | undefined)[], mode: WireMode): Heal => {
    setAll(wires, mode);
    return () => setAll(wires, "open");
  };
  const outgoing = oracles.peers[victim]!;
  const incoming = oracles.peers.map((wires) => wires[victim]);
  const killed = async (): Promise<Heal> => {
    await Promise.all(victims.map((one) => oracles.signal(one, "SIGKILL")));
    return () => victims.forEach((one) => oracles.start(one));
  };
  switch (kind) {
    case "kill":
    case "killTwo":
    case "killAll":
      return await killed();
    case "pause":
      await oracles.signal(victim, "SIGSTOP");
      return () => oracles.signal(victim, "SIGCONT");
    case "cut":
      return hurt([...outgoing, ...incoming], "silent");
    case "split": {
      const isAcross = (from: number, to: number) => victims.includes(from) !== victims.includes(to);
      return hurt(
        ORACLES.flatMap((from) => oracles.peers[from]!.filter((_, to) => isAcross(from, to))),
        "silent",
      );
    }
    case "mute":
      return hurt(outgoing, "mute");
    case "deaf":
      return hurt(outgoing, "deaf");
    case "slow":
      return hurt([...outgoing, ...incoming], "slow");
    case "noise":
      return hurt([...outgoing, ...incoming], "corrupt");
    case "dbDrop":
      oracles.databases[victim]!.drop();
      return () => undefined;
    case "dbOut":
      return hurt([oracles.databases[victim]], "refuse");
    case "dbSilent":
      return hurt([oracles.databases[victim]], "silent");
    case "rpcOut":
      return hurt([oracles.chains[victim]], "refuse");
    case "rpcSilent":
      return hurt([oracles.chains[victim]], "silent");
    case "rpcOutAll":
      return hurt(oracles.chains, "refuse");
    case "rpcLies":
      return hurt([oracles.chains[victim]], "corrupt");
    case "reorg":
    case "reorgReplay": {
      const done = pace.reorg(size, kind === "reorgReplay", fault.beatCount - 2).then((count) => {
        say(`  ${size} blocks replaced, ${count} transactions were in them`);
      });
      return () => done;
    }
    case "skew":
      return await replaced(oracles, victim, { clockOffsetSec: size });
    case "liar":
      return await replaced(oracles, victim, { script: LIAR });
    case "rows":
      await oracles.signal(victim, "SIGKILL");
      say(`  ${await alterRows(scene, victim)}`);
      oracles.start(victim);
      return () => loseDatabase(scene, victim);
    case "lost":
      await loseDatabase(scene, victim);
      return () => undefined;
    case "files":
      await oracles.signal(victim, "SIGKILL");
      say(`  ${corruptFiles(oracles.folders[victim]!, scene.dice)} files changed`);
      oracles.start(victim);
      return () => loseDatabase(scene, victim);
  }
}

async function replaced(oracles: Oracles, victim: number, instead: Parameters<Oracles["start"]>[1]): Promise<Heal> {
  await oracles.signal(victim, "SIGKILL");
  oracles.start(victim, instead);
  return async () => {
    await oracles.signal(victim, "SIGKILL");
    oracles.start(victim);
  };
}

/** The oracle goes on with an empty database; its mark lies elsewhere, as an operator is told. */
async function loseDatabase({ oracles, ground }: Scene, victim: number): Promise<void> {
  await oracles.signal(victim, "SIGKILL");
  await ground.postgres.renew(victim);
  oracles.start(victim);
}

/** Changes figures and bytes in every table that may hold what counts. */
async function alterRows({ ground, dice }: Scene, victim: number): Promise<string> {
  const columns = await ground.postgres.run(
    victim,
    `select table_name as "table", column_name as "column", data_type as "type" from information_schema.columns
      where table_schema = 'public' and table_name not like '%migration%' and data_type in ('bytea', 'jsonb')`,
  );
  const done: string[] = [];
  for (const { table, column, type } of columns as { table: string; column: string; type: string }[]) {
    if (!dice.chance(0.7)) continue;
    const changed =
      type === "bytea"
        ? `set_byte("${column}", length("${column}") / 2, get_byte("${column}", length("${column}") / 2) # 1)`
        : `replace("${column}"::text, '7', '8')::jsonb`;
    const filled = type === "bytea" ? `and length("${column}") > 0` : "";
    try {
      await ground.postgres.run(
        victim,
        `update "${table}" set "${column}" = ${changed} where "${column}" is not null and random() < 0.3 ${filled}`,
      );
      done.push(`${table}.${column}`);
    } catch {
      // The database itself refused: a key would no longer be one, a length is fixed.
    }
  }
  return `altered ${done.join(", ")}`;
}

/** Changes a byte in the middle of each published file. */
function corruptFiles(folder: string, dice: Dice): number {
  let count = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = join(folder, name);
    // The mark is the key's memory: whoever changes that has the key's machine.
    if (!statSync(file).isFile() || /mark|lock/.test(name) || !dice.chance(0.7)) continue;
    const bytes = readFileSync(file);
    if (bytes.length === 0) continue;
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    count += 1;
  }
  return count;
}
