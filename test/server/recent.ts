import { expect } from "chai";
import { keyOf, openRecent } from "../../server/plugins/recent.ts";
import type { InView } from "../../server/plugins/views.ts";

describe("recent answers", () => {
  let hash: string;
  let madeCount: number;
  const view = ((work: (now: unknown) => Promise<unknown>) => work({ head: { hash } })) as unknown as InView;
  const make = () => Promise.resolve(++madeCount);
  beforeEach(() => ([hash, madeCount] = ["0x01", 0]));

  it("are made once a block, by what is asked", async () => {
    const recent = openRecent(view);
    const all = await Promise.all([recent.of("a", make), recent.of("a", make), recent.of("b", make)]);
    expect(all).to.deep.equal([1, 1, 2]);
    hash = "0x02";
    expect(await recent.of("a", make)).to.equal(3);
    expect(keyOf("a", { before: 1n })).to.not.equal(keyOf("a", { before: 2n }));
  });

  it("are made again when something was handed in, when one failed, and when the block changed meanwhile", async () => {
    const recent = openRecent(view);
    await recent.of("a", make);
    recent.forget();
    expect(await recent.of("a", make)).to.equal(2);
    const failing = () => Promise.reject(new Error("not now"));
    expect(await recent.of("c", failing).catch(String)).to.equal("Error: not now");
    expect(await recent.of("c", make)).to.equal(3);
    const moving = () => {
      hash = "0x02";
      return make();
    };
    expect(await recent.of("d", moving)).to.equal(4);
    hash = "0x01";
    expect(await recent.of("d", make)).to.equal(5);
  });
});
