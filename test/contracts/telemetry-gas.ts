// What a report costs, held as caps beside the reach of the design (section 6: 110,000 with five signatures and roots
// only, 7,000 for each further lot, 800,000 for a hundred lots). The gas is what the receipt says, calldata included.
import { expect } from "chai";
import { filingCall } from "../../server/protocol/report.ts";
import { CHALLENGE_SEC, START_EPOCH } from "./reports.ts";
import { nextReport, yearOld } from "./telemetry-year.ts";

describe("Telemetry: gas", () => {
  async function submitGas(faulty: number, lots: number): Promise<number> {
    const receipt = await (await nextReport(faulty, lots)).wait();
    return Number(receipt!.gasUsed);
  }

  for (const [what, measure, cap] of [
    ["roots only, 3 signatures", () => submitGas(1, 0), 95_500],
    ["roots only, 5 signatures", () => submitGas(2, 0), 110_000],
    ["the second lot", async () => (await submitGas(1, 2)) - (await submitGas(1, 1)), 7_000],
    ["each of ten lots", async () => ((await submitGas(1, 10)) - (await submitGas(1, 1))) / 9, 7_000],
    ["each of a hundred lots", async () => ((await submitGas(1, 100)) - (await submitGas(1, 1))) / 99, 7_000],
    ["100 lots, a million devices, 5 signatures", () => submitGas(2, 100), 800_000],
  ] as [string, () => Promise<number>, number][]) {
    it(`submit, ${what}: at most ${cap} gas`, async () => {
      expect(await measure()).to.be.at.most(cap);
    });
  }

  it("record: at most 111,000 gas for a filing of one lot, 77,000 for each further lot", async () => {
    const gas = [];
    for (const lots of [1, 2]) {
      const { pen, telemetry } = await yearOld(1, lots);
      await pen.time.setNextBlockTimestamp(pen.prior.submittedAt + CHALLENGE_SEC);
      const meterIndexes = Array.from({ length: lots }, (_, i) => i);
      const receipt = await (await telemetry.record(START_EPOCH - 1n, filingCall(pen.prior), meterIndexes)).wait();
      gas.push(Number(receipt!.gasUsed));
    }
    expect(gas[0]).to.be.at.most(111_000);
    expect(gas[1]! - gas[0]!).to.be.at.most(77_000);
  });
});
