import { expect } from "chai";
import { lineDiff, sortedJson } from "../snapshots/snapshot.ts";

describe("a snapshot's diff", () => {
  it("shows the lines that went and came, repeated ones too", () => {
    expect(lineDiff("a\nb\nb\nc\n", "a\nb\nd\n")).to.deep.equal(["- b", "- c", "+ d"]);
    expect(lineDiff("a\n", "a\n")).to.deep.equal([]);
  });

  it("does not depend on the order of keys", () => {
    expect(sortedJson({ b: [{ d: 1, c: 2 }], a: null })).to.equal(sortedJson({ a: null, b: [{ c: 2, d: 1 }] }));
    expect(sortedJson({ a: [1, 2] })).not.to.equal(sortedJson({ a: [2, 1] }));
  });
});
