import type { JsonRpcProvider } from "ethers";

import type { Hex } from "../../server/protocol/bytes.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import { unpackMeter, type Meter } from "../../server/protocol/meter.ts";
import { metersOfWords } from "../../server/protocol/report.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";

/** An epoch as the canonical chain has it. */
export interface FiledEpoch {
  readonly epoch: bigint;
  readonly isSkip: boolean;
  readonly reportHash: Hex;
  readonly dataHash: Hex;
  readonly submittedAt: number;
  readonly meters: ReadonlyMap<bigint, Meter>;
}

/** What the chain says was filed, in its order. */
export async function filedEpochs(provider: JsonRpcProvider, { addresses }: Deployment): Promise<FiledEpoch[]> {
  const { telemetry } = INTERFACES;
  const topics = [["Submitted", "Skipped"].map((name) => telemetry.getEvent(name as "Submitted").topicHash)];
  const logs = await provider.getLogs({ fromBlock: 0, address: addresses.telemetry, topics });
  return logs.map((log) => {
    const event = telemetry.parseLog(log)!;
    const epoch = event.args.getValue("epoch") as bigint;
    const submittedAt = Number(event.args.getValue("submittedAt"));
    if (event.name === "Skipped") {
      const reportHash = event.args.getValue("skipHash") as Hex;
      return { epoch, submittedAt, isSkip: true, reportHash, dataHash: "0x", meters: new Map<bigint, Meter>() };
    }
    const report = event.args.getValue("report") as { dataHash: Hex; meterWords: string[] };
    const meters = new Map(metersOfWords(report.meterWords).map((words) => [words.lotId, unpackMeter(words)]));
    const reportHash = event.args.getValue("reportHash") as Hex;
    return { epoch, submittedAt, isSkip: false, reportHash, dataHash: report.dataHash, meters };
  });
}

/** Epochs that are missing, doubled or out of order from `first` on. */
export function disorderOf(filed: readonly FiledEpoch[], first: bigint, count: number): string[] {
  const found = filed.flatMap(({ epoch }, index) =>
    epoch === first + BigInt(index) ? [] : [`place ${index} holds epoch ${epoch}, not ${first + BigInt(index)}`],
  );
  if (filed.length < count) found.push(`${filed.length} epochs are on-chain, ${count} were to be`);
  return found;
}
