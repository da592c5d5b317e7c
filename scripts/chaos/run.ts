import { setTimeout as sleep } from "node:timers/promises";

import type { JsonRpcProvider } from "ethers";

import { connectChain } from "../../server/main.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt } from "../../server/protocol/contracts.ts";
import { readingDomain } from "../../server/protocol/reading.ts";
import { epochEndAt } from "../../server/protocol/units.ts";
import { diceOf } from "./dice.ts";
import { inflict, type Scene } from "./faults.ts";
import { startFeeder, type Feeder } from "./feeder.ts";
import { simulateFleet, type SimLot } from "./fleet.ts";
import { layGround, type Ground } from "./ground.ts";
import { seatOracles, type Oracles } from "./oracles.ts";
import { startPace, type Pace } from "./pace.ts";
import { FAULTS, planFaults, textOf, type FaultKind, type PlannedFault } from "./plan.ts";
import { writeEpoch, type Made } from "./readings.ts";
import { watchSignatures, type Signatures } from "./signatures.ts";

/** What a chaos run was asked for. */
export interface ChaosOptions {
  readonly seed: string;
  readonly epochCount: number;
  readonly kinds: readonly FaultKind[];
  readonly lotCount: number;
  readonly nodesPerLot: number;
  readonly folder: string;
  readonly say: (text: string) => void;
  /** Ends the run early. */
  readonly signal: AbortSignal;
}

/** Everything that a verdict is made from, while it all still runs. */
export interface Aftermath {
  readonly ground: Ground;
  readonly provider: JsonRpcProvider;
  readonly pace: Pace;
  readonly oracles: Oracles;
  readonly feeder: Feeder;
  readonly signatures: Signatures;
  readonly fleet: readonly SimLot[];
  readonly domain: Hex;
  readonly made: ReadonlyMap<Hex, Made>;
  readonly firstEpoch: bigint;
  readonly epochCount: number;
  readonly spells: readonly Spell[];
  readonly isSettled: boolean;
}

/** A fault as it was: when it began, and when its victim was itself again. */
export interface Spell {
  readonly fault: PlannedFault;
  readonly fromAt: number;
  untilAt: number;
}

const BLOCK_MS = 200;
const BLOCK_SEC = 120;
const BEATS_PER_EPOCH = 3600 / BLOCK_SEC;
export const GRACE_SEC = 1_500;
/** Epochs that may be over and not on-chain before the clock waits. */
const MAX_LAG = 4;
const START_MS = 150_000;
const SETTLE_MS = 75_000;
/** Without a fault beginning or ending, and without an epoch on-chain. */
const STALL_MS = 60_000;
const EARLY_SEC = 1_800;

const SETTINGS = {
  RACKBOND_CLOCK: "chain",
  RACKBOND_GRACE_SEC: String(GRACE_SEC),
  RACKBOND_ROUND_MS: "400",
  RACKBOND_TURN_SEC: "1",
  RACKBOND_CONFIRMATIONS: "4",
  RACKBOND_REQUESTS_PER_MINUTE: "1000000",
  // A connection that a wire forgot says nothing, for ever: the oracle has to notice.
  RACKBOND_STATEMENT_TIMEOUT_MS: "3000",
};

/** Plays the whole run, and hands over what is left of it; then everything is stopped. */
export async function runChaos<T>(options: ChaosOptions, judge: (aftermath: Aftermath) => Promise<T>): Promise<T> {
  const { seed, epochCount, kinds, folder, say } = options;
  const closing: (() => Promise<void>)[] = [];
  try {
    const fleet = simulateFleet(seed, options.lotCount, options.nodesPerLot);
    const ground = await layGround(folder, seed, fleet);
    closing.push(() => ground.close());
    const { deployment, chain, startEpoch } = ground;
    const provider = await connectChain(chain.url, chain.chainId);
    closing.push(() => {
      provider.destroy();
      return Promise.resolve();
    });
    const signatures = watchSignatures({
      ...{ chainId: chain.chainId, telemetry: deployment.addresses.telemetry },
      signers: ground.reportKeys.map(({ address }) => address),
    });
    const dice = diceOf(seed, "harm");
    const chooseByte = (length: number) => dice.between(0, length - 1);
    const oracles = await seatOracles({ ground, settings: SETTINGS, tap: signatures.tap, chooseByte });
    closing.push(() => oracles.close());
    for (const oracle of oracles.urls.keys()) oracles.start(oracle);
    await Promise.all(oracles.urls.map(untilAnswering));
    say(`four oracles answer; chain ${chain.url}, ${fleet.flatMap(({ nodes }) => nodes).length} nodes`);

    const pace = await startPace({ chain, blockMs: BLOCK_MS, blockSec: BLOCK_SEC });
    closing.push(() => pace.stop());
    const feeder = startFeeder(oracles.urls, pace);
    closing.push(() => feeder.stop());
    const domain = readingDomain(BigInt(chain.chainId), deployment.addresses.telemetry);
    const plan = planFaults({ seed, kinds, epochCount, beatsPerEpoch: BEATS_PER_EPOCH });
    const played = await play(
      { ...{ options, plan, fleet, domain, feeder, ground, provider, startEpoch } },
      { ground, oracles, pace, dice, say },
    );
    const left = {
      ground,
      provider,
      pace,
      oracles,
      feeder,
      signatures,
      fleet,
      domain,
      epochCount,
      firstEpoch: startEpoch,
    };
    return await judge({ ...left, ...played });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function untilAnswering(url: string): Promise<void> {
  const untilMs = Date.now() + START_MS;
  while (Date.now() < untilMs) {
    try {
      await fetch(url, { signal: AbortSignal.timeout(1_000) });
      return;
    } catch {
      await sleep(100); // not yet
    }
  }
  throw new Error(`the oracle at ${url} did not start in ${START_MS / 1000} s`);
}

interface Game {
  options: ChaosOptions;
  plan: readonly PlannedFault[];
  fleet: readonly SimLot[];
  domain: Hex;
  feeder: Feeder;
  ground: Ground;
  provider: JsonRpcProvider;
  startEpoch: bigint;
}

async function play(game: Game, scene: Scene): Promise<Pick<Aftermath, "made" | "spells" | "isSettled">> {
  const { options, plan, fleet, domain, feeder, ground, provider, startEpoch } = game;
  const { pace, oracles, say } = scene;
  const { telemetry } = contractsAt(ground.deployment.addresses, provider);
  const made = new Map<Hex, Made>();
  const spells: Spell[] = [];
  const healing: { atBeat: number; spell: Spell; heal: () => Promise<void> | void }[] = [];
  const pending = [...plan];
  const endEpoch = startEpoch + BigInt(options.epochCount);
  let nextEpoch = startEpoch;
  let head = startEpoch - 1n;

  /** In the middle of a re-org a chain may have no answer. */
  const headOnChain = () => telemetry.lastEpoch().catch(() => head);

  const tick = async () => {
    options.signal.throwIfAborted();
    while (nextEpoch < endEpoch && pace.nowAt() >= Number(epochEndAt(nextEpoch)) - EARLY_SEC - 600) {
      const posts = writeEpoch(options.seed, fleet, domain, nextEpoch++);
      for (const { made: one } of posts) made.set(one.hash, one);
      feeder.give(posts);
    }
    const beat = pace.beatCount();
    for (const one of [...healing]) {
      if (one.atBeat > beat) continue;
      healing.splice(healing.indexOf(one), 1);
      await one.heal();
      one.spell.untilAt = pace.nowAt();
    }
    while (pending[0] !== undefined && pending[0].atBeat <= beat) {
      const fault = pending.shift()!;
      say(`block ${String(beat).padStart(4)} · epoch ${nextEpoch - 1n} · ${textOf(fault)}: ${FAULTS[fault.kind].does}`);
      const spell: Spell = { fault, fromAt: pace.nowAt(), untilAt: Infinity };
      spells.push(spell);
      healing.push({ atBeat: beat + fault.beatCount, spell, heal: await inflict(scene, fault) });
    }
    head = await headOnChain();
    pace.hold(Number(epochEndAt(head + BigInt(MAX_LAG) + 1n)) - 1);
  };
  let movedMs = Date.now();
  while (nextEpoch < endEpoch || pending.length > 0 || healing.length > 0) {
    const [before, faultCount] = [head, pending.length + healing.length];
    await tick();
    if (head !== before || pending.length + healing.length !== faultCount) movedMs = Date.now();
    if (Date.now() - movedMs > STALL_MS) {
      say(`nothing moves any more: epoch ${head} is on-chain, ${nextEpoch - 1n} was fed`);
      return { made, spells, isSettled: false };
    }
    await sleep(BLOCK_MS / 4);
  }

  // Nothing fails any more: the rest is the oracles' affair.
  const lastAt = Number(epochEndAt(endEpoch - 1n));
  await pace.until(lastAt);
  pace.hold(lastAt + GRACE_SEC + 10 * BLOCK_SEC);
  say(`all is healed; epoch ${head} of ${endEpoch - 1n} is on-chain`);
  let untilMs = Date.now() + SETTLE_MS;
  while (Date.now() < untilMs) {
    await sleep(250);
    options.signal.throwIfAborted();
    const before = head;
    head = await headOnChain();
    // On a busy machine it takes its time, as long as something moves.
    if (head !== before) untilMs = Date.now() + SETTLE_MS;
    const heads = await Promise.all(oracles.urls.map(headOf));
    const isSettled = head >= endEpoch - 1n && heads.every((one) => one === head) && feeder.openCount() === 0;
    if (isSettled) return { made, spells, isSettled };
  }
  return { made, spells, isSettled: false };
}

/** The newest epoch that an oracle knows to be on-chain. */
export async function headOf(url: string): Promise<bigint | undefined> {
  try {
    const response = await fetch(`${url}/v1/epochs?limit=1`, { signal: AbortSignal.timeout(3_000) });
    const { items } = (await response.json()) as { items: { epoch: string }[] };
    return items[0] === undefined ? undefined : BigInt(items[0].epoch);
  } catch {
    return undefined;
  }
}
