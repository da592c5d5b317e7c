import { expect } from "chai";
import { lineDiff } from "../snapshots/snapshot.ts";

describe("a snapshot's diff", () => {
  it("shows the lines that went and came, repeated ones too", () => {
    expect(lineDiff("a\nb\nb\nc\n", "a\nb\nd\n")).to.deep.equal(["- b", "- c", "+ d"]);
    expect(lineDiff("a\n", "a\n")).to.deep.equal([]);
  });
});
