import { expect } from "chai";
import { getBytes, hexlify, id, recoverAddress, ZeroHash, type Result } from "ethers";

import type { Hex } from "../../server/protocol/bytes.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import { emptyMeter } from "../../server/protocol/meter.ts";
import {
  filingCall,
  metersOfWords,
  reportCall,
  reportDigestOf,
  reportHashOf,
  type Filing,
  type Report,
} from "../../server/protocol/report.ts";
import { domainSeparator, structOf } from "../../server/protocol/typed.ts";
import { readDeal } from "../../scripts/simulate/deal.ts";
import { stretchesOf } from "../../scripts/simulate/meters.ts";
import { oracleKeys } from "../../scripts/simulate/parties.ts";
import {
  metersBefore,
  packed,
  reportBatches,
  selectorOf,
  type ReportBatch,
  type ReportPlan,
} from "../../scripts/simulate/reports.ts";
import { readScenario } from "../../scripts/simulate/scenario.ts";
import { Authority__factory } from "../../types/factories/governance/Authority__factory.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";

const HOUR_SEC = 3600;
const authority = Authority__factory.createInterface();
const REPORT = structOf(Telemetry__factory.abi, "submit", "report");
const DOMAIN = {
  name: "Rackbond Telemetry",
  version: "1",
  chainId: 31_337n,
  verifyingContract: `0x${"11".repeat(20)}`,
};

function planOf(dealName: string, scenarioName: string): ReportPlan {
  const { content: deal } = readDeal(dealName);
  const stretches = stretchesOf(deal, readScenario(scenarioName).content, 3);
  const from = stretches[0]!.fromEpoch * HOUR_SEC;
  return {
    telemetry: DOMAIN.verifyingContract as Hex,
    configDigest: id("config") as Hex,
    domainSeparator: domainSeparator(DOMAIN),
    reportTypeHash: REPORT.typeHash,
    submitSelector: selectorOf(INTERFACES.telemetry, "submit"),
    executeSelector: selectorOf(authority, "execute"),
    multicallSelector: selectorOf(authority, "multicall"),
    keys: oracleKeys()
      .slice(0, 3)
      .map(({ key }) => key),
    lots: deal.lots.map(({ tdpW, gpuCount }, index) => ({
      lotId: BigInt(index + 1),
      tdpW: BigInt(tdpW),
      gpuCount: BigInt(gpuCount),
    })),
    stretches,
    batchesAt: [from + 2 * HOUR_SEC, from + 5 * HOUR_SEC],
  };
}

/** A struct as decoded, in a form that encoders take: one list of its own members. */
function plain(struct: Result): object {
  const members = struct.toObject() as Record<string, unknown>;
  const { meterWords, ...rest } = members as { meterWords: Result };
  return { ...rest, meters: metersOfWords(meterWords.toArray() as Hex[]) };
}

/** The submissions in a batch. */
function submitsIn(calldata: Uint8Array) {
  const [calls] = authority.decodeFunctionData("multicall", hexlify(calldata)) as unknown as [Hex[]];
  return [...calls].map((call) => {
    const [target, inner] = authority.decodeFunctionData("execute", call) as unknown as [string, Hex];
    const [report, filing, ...rest] = INTERFACES.telemetry.decodeFunctionData("submit", inner) as unknown as [
      Result,
      Result,
      bigint,
      Hex,
    ];
    return { target, submitted: { report: plain(report) as Report, filing: plain(filing) as Filing, rest } };
  });
}

describe("reports of the simulation", () => {
  for (const deal of ["xai-2026", "equipment-abs"]) {
    context(`of ${deal}`, () => {
      const plan = planOf(deal, "base");
      const batches = [...reportBatches(plan)];

      it("are the bytes that the contracts' own encoders write", () => {
        let prior = { reportHash: ZeroHash, submittedAt: 0n };
        for (const { at, calldata, hashes } of batches) {
          const rewritten = submitsIn(calldata).map(({ target, submitted }, index) => {
            const { report, filing } = submitted;
            expect([filing.submittedAt, filing.reportHash, report.prevReportHash]).to.deep.equal([
              ...[prior.submittedAt, prior.reportHash, prior.reportHash],
            ]);
            prior = { reportHash: hexlify(hashes.subarray(32 * index, 32 * index + 32)), submittedAt: BigInt(at) };
            const inner = INTERFACES.telemetry.encodeFunctionData("submit", [
              reportCall(report),
              filingCall(filing),
              ...submitted.rest,
            ] as never);
            return authority.encodeFunctionData("execute", [target, inner]);
          });
          expect(authority.encodeFunctionData("multicall", [rewritten])).to.equal(hexlify(calldata));
        }
      });

      it("are signed by three oracles over the digest of EIP-712", () => {
        const [{ calldata, hashes }] = batches as [(typeof batches)[0]];
        const [{ submitted }] = submitsIn(calldata) as [ReturnType<typeof submitsIn>[0]];
        expect(reportHashOf(REPORT, submitted.report)).to.equal(hexlify(hashes.subarray(0, 32)));
        const digest = reportDigestOf(REPORT, DOMAIN, submitted.report);
        const [signerBitmap, signatures] = submitted.rest;
        const signers = [0, 1, 2].map((index) =>
          recoverAddress(digest, hexlify(getBytes(signatures).subarray(64 * index, 64 * index + 64))),
        );
        expect(signerBitmap).to.equal(7n);
        expect(signers).to.deep.equal(
          oracleKeys()
            .slice(0, 3)
            .map(({ address }) => address),
        );
      });

      it("cover every hour up to each batch, once", () => {
        const first = plan.stretches[0]!.fromEpoch;
        expect(batches.map(({ firstEpoch, hashes }) => [firstEpoch, hashes.length / 32])).to.deep.equal([
          [first, 2],
          [first + 2, 3],
        ]);
      });
    });
  }

  it("say how many of the lots' GPUs report", () => {
    const plan = planOf("equipment-abs", "base");
    plan.stretches[0]!.hourly[1] = { ...plan.stretches[0]!.hourly[1]!, reportingCount: 7n };
    const [{ calldata }] = [...reportBatches(plan)] as [ReportBatch];
    const { report } = submitsIn(calldata)[0]!.submitted;
    const registered = plan.lots.reduce((sum, { gpuCount }) => sum + gpuCount, 0n);
    expect(report.devicesRegisteredCount).to.equal(registered);
    expect(report.devicesReportingCount).to.equal(registered - plan.lots[1]!.gpuCount + 7n);
  });

  it("count up what each hour adds, over a change of months", () => {
    const { lots, stretches } = planOf("xai-2026", "curtailment");
    const [january, february] = stretches as [(typeof stretches)[0], (typeof stretches)[0]];
    let meter = emptyMeter(lots[0]!.gpuCount);
    const until = february.fromEpoch + 7;
    let [available, energy] = [0n, 0n];
    for (let epoch = january.fromEpoch; epoch < until; epoch++) {
      const hour = (epoch < january.untilEpoch ? january : february).hourly[0]!;
      available += hour.availableGpuSec;
      energy += hour.facilityEnergyWh;
    }
    [meter] = metersBefore(lots, stretches, until) as [typeof meter];
    expect([meter.availableGpuSec, meter.facilityEnergyWh]).to.deep.equal([available, energy]);
    expect(packed(lots, [meter])[0]!.lotId).to.equal(1n);
  });
});
