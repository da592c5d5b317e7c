import { expect } from "chai";

import { measureEpoch, measureIngest } from "../../server/cli/measure.ts";

describe("measure", () => {
  const options = { nodes: 60, boards: 3, lots: 4, threads: 1 };

  it("takes an epoch from signed readings to a signed report, and tells each phase", async () => {
    const rows: Record<string, unknown>[] = [];
    await measureEpoch(options, (row) => rows.push(row));
    const phases = rows.map(({ measure, phase }) => phase ?? measure);
    expect(phases).to.deep.equal([
      ...["input", "verify and store", "load", "aggregate and trees", "publish", "sign", "all"],
    ]);
    expect(rows.at(-1)).to.include({ nodes: 60, boards: 180, lots: 4, readings: 60 });
    expect(rows.at(-1)!["dataHash"]).to.match(/^0x[0-9a-f]{64}$/);
    for (const { seconds } of rows) expect(seconds).to.be.a("number");
    for (const row of rows.slice(1)) expect(row["processMiB"]).to.be.greaterThan(50);
  });

  it("counts readings a second beside bare signatures", async () => {
    const rows: Record<string, unknown>[] = [];
    await measureIngest(options, (row) => rows.push(row), 100);
    expect(rows.at(-1)).to.include({ measure: "ingest", readings: 60 });
    for (const name of ["readingsPerSec", "bareVerificationsPerSec", "shareOfBare", "cpuMicroSecPerReading"])
      expect(rows.at(-1)![name]).to.be.greaterThan(0);
  });
});
