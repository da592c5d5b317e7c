import { expect } from "chai";
import fc from "fast-check";

import { startConsensus, type Consensus, type Output } from "../../server/protocol/consensus.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Message, Vote } from "../../server/protocol/rounds.ts";
import { runNetwork, type Liar, type NetworkOptions, type Outcome } from "./network.ts";

const A: Hex = `0x${"a".repeat(64)}`;
const B: Hex = `0x${"b".repeat(64)}`;

/** Simulated networks; what holds in each of them is agreement, validity, one vote a step, and an end. */
const network: fc.Arbitrary<NetworkOptions> = fc
  .record({
    seed: fc.integer({ min: 1, max: 0x7fff_ffff }),
    faultyCount: fc.constantFrom(1, 1, 2),
    syncAtMs: fc.constantFrom(0, 300, 1_000, 3_000),
    lossPercent: fc.integer({ min: 0, max: 70 }),
    restartCount: fc.integer({ min: 0, max: 4 }),
    objectorCount: fc.constantFrom(0, 0, 1),
    kinds: fc.array(fc.constantFrom<Liar>("silent", "equivocates", "splits", "replays"), { maxLength: 2 }),
  })
  .map(({ kinds, ...rest }) => ({ ...rest, liars: kinds.slice(0, rest.faultyCount) }));

function faultsOf({ decisions, undecided, proposedByHonest, doubleVotes }: Outcome): string[] {
  const values = new Set([...decisions.values()].flatMap((own) => [...own]));
  return [
    ...(values.size > 1 ? ["agreement"] : []),
    ...([...values].some((value) => !proposedByHonest.has(value) && !value.startsWith("0xb")) ? ["validity"] : []),
    ...(doubleVotes > 0 ? ["one vote a step"] : []),
    ...(undecided.length > 0 ? ["termination"] : []),
  ];
}

describe("consensus", function () {
  this.timeout(60_000);

  it("S14: agrees on one valid value, and ends once the network is in time, whatever f of 4 or 7 oracles do", () => {
    fc.assert(
      fc.property(network, (options) => {
        expect(faultsOf(runNetwork(options))).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });

  it("sees a second vote in the same networks where an oracle restarts without what it had said", () => {
    const forgetful = (options: Parameters<typeof startConsensus>[0]) => startConsensus(options);
    const faults = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const liars: Liar[] = seed % 2 === 0 ? ["splits"] : ["equivocates"];
      const options = {
        seed,
        faultyCount: 1,
        liars,
        syncAtMs: 3_000,
        lossPercent: 40,
        restartCount: 6,
        objectorCount: 0,
      };
      for (const fault of faultsOf(runNetwork({ ...options, start: forgetful }))) faults.add(fault);
    }
    expect([...faults]).to.include("one vote a step");
  });

  describe("one oracle of four", () => {
    const machine = (selfIndex = 3) => startConsensus({ faultyCount: 1, selfIndex, firstProposerIndex: 0 });
    const proposal = (round: number, value: Hex, validRound = -1): Message => ({
      ...{ type: "proposal", signerIndex: round % 4, round, validRound, value },
    });
    const votes = (type: Vote["type"], round: number, value: Hex | null, ...signers: number[]): Vote[] =>
      signers.map((signerIndex) => ({ type, signerIndex, round, value }));
    const said = (outputs: readonly Output[]) =>
      outputs.flatMap((output) =>
        output.type === "send"
          ? [`${output.message.type} ${output.message.round} ${output.message.value?.[2] ?? "nil"}`]
          : [],
      );
    const locked = (): Consensus => {
      const one = machine();
      one.start();
      one.judge(A, "valid");
      one.judge(B, "valid");
      one.receive([proposal(0, A), ...votes("prevote", 0, A, 0, 1)]);
      expect(one.step).to.equal("precommit");
      one.receive(votes("precommit", 0, null, 0, 1, 2));
      one.expire("precommit", 0);
      expect(one.round).to.equal(1);
      return one;
    };

    it("votes for what it is locked on, and nil for another value", () => {
      expect(said(locked().receive([proposal(1, B)]))).to.deep.equal(["prevote 1 nil"]);
      expect(said(locked().receive([proposal(1, A)]))).to.deep.equal(["prevote 1 a"]);
    });

    it("lets go of its lock for a value that had a quorum later, and for none that had it earlier", () => {
      const later = locked();
      later.receive(votes("prevote", 1, B, 0, 1, 2));
      later.expire("propose", 1);
      later.expire("prevote", 1);
      later.receive(votes("precommit", 1, null, 0, 1, 2));
      later.expire("precommit", 1);
      expect(later.round).to.equal(2);
      expect(said(later.receive([proposal(2, B, 1)]))).to.deep.equal(["prevote 2 b"]);
      const earlier = locked();
      expect(said(earlier.receive([proposal(1, B, 0)]))).to.deep.equal([]); // no quorum for it was shown
      expect(said(earlier.expire("propose", 1))).to.deep.equal(["prevote 1 nil"]);
    });

    it("counts a whole quorum though one of its signers told us something else first", () => {
      const one = machine();
      one.start();
      one.judge(A, "valid");
      one.receive([proposal(0, A), ...votes("prevote", 0, B, 1), ...votes("precommit", 0, B, 1)]);
      one.receive(votes("precommit", 0, A, 0, 2));
      expect(one.decision).to.equal(undefined);
      one.receive(votes("precommit", 0, A, 0, 1, 2));
      expect(one.decision?.value).to.equal(A);
    });

    it("prevotes nil for a set that leaves a reading out, unless it has a quorum", () => {
      const alone = machine();
      alone.start();
      alone.receive([proposal(0, A)]);
      expect(said(alone.judge(A, "omits"))).to.deep.equal(["prevote 0 nil"]);
      const outvoted = alone.receive(votes("prevote", 0, A, 0, 1, 2));
      expect(said(outvoted)).to.deep.equal(["precommit 0 a"]);
    });

    it("takes no proposal of another than the round's proposer, and no vote of a stranger", () => {
      const one = machine();
      one.start();
      one.judge(A, "valid");
      expect(said(one.receive([{ ...proposal(0, A), signerIndex: 2 }]))).to.deep.equal([]);
      one.receive(votes("precommit", 0, A, 4, 5, 6, -1, 0.5));
      expect(one.decision).to.equal(undefined);
    });

    it("keeps what it said before a restart, and says nothing else in its place", () => {
      const before = votes("prevote", 0, A, 3).concat(votes("precommit", 0, A, 3));
      const again = startConsensus(
        { faultyCount: 1, selfIndex: 3, firstProposerIndex: 0 },
        { messages: before, quorums: votes("prevote", 0, A, 0, 1) },
      );
      expect(said(again.start())).to.deep.equal([]);
      again.judge(B, "valid");
      expect(said(again.receive([proposal(0, B), ...votes("precommit", 0, null, 0, 1, 2)]))).to.deep.equal([]);
      again.expire("precommit", 0);
      expect(said(again.receive([proposal(1, B)]))).to.deep.equal(["prevote 1 nil"]);
    });

    it("keeps little of a signer that speaks of a million rounds", () => {
      const one = machine();
      one.start();
      for (let round = 2; round < 3_000; round++) one.receive(votes("prevote", round, A, 1));
      expect(one.round).to.equal(0);
      one.receive(votes("prevote", 2_999, A, 2));
      expect(one.round).to.equal(2_999); // f+1 are there
      expect(one.messages().length).to.be.lessThan(10);
    });
  });
});
