import { expect } from "chai";
import { judge, outcomeOf } from "../../scripts/runner.ts";

describe("the sum of a test run", () => {
  it("reads both runners' reports", () => {
    expect(outcomeOf("  12 passing (3s)\n  2 failing\n  1 pending\n")).to.deep.equal({ passed: 12, failed: 3 });
    expect(outcomeOf("\x1b[32m  7 passing\x1b[39m\n  1 skipped\n")).to.deep.equal({ passed: 7, failed: 1 });
    expect(outcomeOf("  0 passing (1ms)\n")).to.deep.equal({ passed: 0, failed: 0 });
  });

  it("believes the last report only", () => {
    const forged = "  99 passing (1s)\n  5 failing\n";
    expect(outcomeOf(`${forged}  3 passing (2s)\n`)).to.deep.equal({ passed: 3, failed: 0 });
    expect(outcomeOf("we saw 99 passing cars\n")).to.equal(undefined);
  });

  it("counts a bad end, a run of nothing and no report as a failure", () => {
    expect(judge({ passed: 3, failed: 0 }, 0)).to.deep.equal({ passed: 3, failed: 0 });
    expect(judge({ passed: 3, failed: 2 }, 1)).to.deep.equal({ passed: 3, failed: 2 });
    expect(judge({ passed: 3, failed: 0 }, 1)).to.deep.equal({ passed: 3, failed: 1 });
    expect(judge({ passed: 3, failed: 0 }, null)).to.deep.equal({ passed: 3, failed: 1 });
    expect(judge({ passed: 0, failed: 0 }, 0)).to.deep.equal({ passed: 0, failed: 1 });
    expect(judge(undefined, 0)).to.deep.equal({ passed: 0, failed: 1 });
  });
});
