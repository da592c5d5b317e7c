import { expect } from "chai";
import { shardsOf } from "../../scripts/shards.ts";

describe("the groups of test files", () => {
  const folder = (name: string, count: number) => Array.from({ length: count }, (_, i) => `test/${name}/${i + 10}.ts`);

  it("have each file once, in groups of at most twelve of one folder", () => {
    const files = [...folder("server", 25), ...folder("contracts", 12), ...folder("docs", 1)];
    const shards = shardsOf(files);
    expect(shards.flat().sort()).to.deep.equal([...files].sort());
    expect(shards.map(({ length }) => length)).to.deep.equal([12, 1, 9, 9, 7]);
    for (const shard of shards) expect(new Set(shard.map((file) => file.split("/")[1])).size).to.equal(1);
  });

  it("begin with the long ones, each alone", () => {
    const shards = shardsOf(["test/contracts/a.ts", "test/job/b.ts", "test/differential/c.ts", "test/job/a.ts"]);
    expect(shards).to.deep.equal([
      ["test/differential/c.ts"],
      ["test/job/a.ts"],
      ["test/job/b.ts"],
      ["test/contracts/a.ts"],
    ]);
  });

  it("are none for no files", () => {
    expect(shardsOf([])).to.deep.equal([]);
  });
});
