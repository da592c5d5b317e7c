import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { Failure, messageOf } from "../failure.ts";
import { ask, outboundUrl } from "../outbound.ts";
import { parseExposition } from "../protocol/exposition.ts";
import { parseScaled } from "../protocol/units.ts";

/** Where the host's own power meter is read: a metric of an exporter, or a program that prints it. Both in joules. */
export type WallMeter = { readonly url: string; readonly metric: string } | { readonly command: string };

const LIMIT_BYTES = 4_000_000;

/** A wall meter's cumulative energy in mJ. */
export async function readWall(meter: WallMeter, timeoutMs: number): Promise<bigint> {
  const text = "url" in meter ? await fromExporter(meter, timeoutMs) : await fromCommand(meter.command, timeoutMs);
  const energyMJ = parseScaled(text, 3);
  if (energyMJ === null || energyMJ < 0n || energyMJ >= 1n << 63n)
    throw new Failure(
      "Wall_BadValue",
      `the wall meter says ${JSON.stringify(text.slice(0, 80))}, which is no energy in joules`,
    );
  return energyMJ;
}

async function fromExporter({ url, metric }: { url: string; metric: string }, timeoutMs: number): Promise<string> {
  const where = outboundUrl(url, "the wall meter's address");
  const { status, body } = await ask(where, { timeoutMs, limitBytes: LIMIT_BYTES, isPrivateAllowed: true });
  if (status !== 200) throw new Failure("Wall_NoAnswer", `${where.href} answered ${status}`);
  const [series, ...more] = parseExposition(body.toString("utf8")).filter(({ name }) => name === metric);
  if (series === undefined) throw new Failure("Wall_NoMetric", `${where.href} has no ${metric}`);
  if (more.length > 0) throw new Failure("Wall_Ambiguous", `${where.href} has ${more.length + 1} of ${metric}`);
  return series.value;
}

async function fromCommand(command: string, timeoutMs: number): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, [], { timeout: timeoutMs, maxBuffer: 65_536 });
    return stdout.trim();
  } catch (error) {
    throw new Failure("Wall_NoAnswer", `${command}: ${messageOf(error)}`, { cause: error });
  }
}
