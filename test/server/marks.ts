import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";
import { SigningKey } from "ethers";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { markedSigner, type Instance } from "../../server/keys/marks.ts";
import { memorySigner, openSigner } from "../../server/keys/signer.ts";
import { keccakHex } from "../../server/protocol/keccak.ts";
import { domainSeparator, structDigest, structOf, structPreimage } from "../../server/protocol/typed.ts";
import { refusalOf } from "./agentBench.ts";
import { ADDRESS, DEVELOPMENT, KEY, failureOf, keyFolder, signerOf } from "./keyBench.ts";

const preimageOf = (byte: number) => new Uint8Array(66).fill(byte);

describe("marked signer", () => {
  const folder = keyFolder();
  const signer = memorySigner(KEY);
  let file: string;
  let count = 0;
  const open = (separator?: `0x${string}`) => markedSigner(signer, file, separator);
  beforeEach(() => (file = join(folder.path, `marks${++count}`, "mark")));
  after(() => folder.remove());

  const at = (configCount: bigint, epoch: bigint, kind: 0 | 1, byte = 1) => ({
    ...{ configCount, epoch, kind },
    preimage: preimageOf(byte),
  });

  describe("E14: signReport", () => {
    it("writes the mark before the signature leaves, and signs what stands at the mark again", async () => {
      const marked = open();
      expect(marked.mark()).to.equal(undefined);
      const first = await marked.signReport(at(1n, 5n, 0));
      expect(signerOf(preimageOf(1), first)).to.equal(ADDRESS);
      expect(marked.mark()).to.deep.equal({ configCount: 1n, epoch: 5n, kind: 0, digest: keccakHex(preimageOf(1)) });
      expect(await marked.signReport(at(1n, 5n, 0))).to.equal(first);
      await marked.close();
    });

    it("the mark is on disk when the key is asked", async () => {
      let seen = "";
      const watching = markedSigner(
        {
          ...signer,
          sign: async (preimage) => {
            seen = readFileSync(file, "utf8");
            return await signer.sign(preimage);
          },
        },
        file,
      );
      await watching.signReport(at(1n, 5n, 0));
      expect(seen).to.contain(keccakHex(preimageOf(1)));
      await watching.close();
    });

    it("goes by configuration, then epoch, then kind; refuses below, and at the mark another digest", async () => {
      const rising = [at(1n, 5n, 0), at(1n, 5n, 1), at(1n, 6n, 0), at(2n, 1n, 0), at(2n, 1n, 1)];
      const marked = open();
      for (const [place, signing] of rising.entries()) {
        await marked.signReport(signing);
        const other = await refusalOf(() => marked.signReport({ ...signing, preimage: preimageOf(9) }));
        expect(other).to.deep.include({ code: "Signer_BelowMark" });
        for (const lower of rising.slice(0, place)) {
          const refusal = await refusalOf(() => marked.signReport(lower));
          expect(refusal.facts).to.deep.include({ markConfigCount: signing.configCount, markEpoch: signing.epoch });
        }
      }
      await marked.close();
    });

    it("after the loss of the database: a new process stands above the mark of the old one", async () => {
      const before = open();
      await before.signReport(at(3n, 7n, 0));
      await before.close();
      const after = open();
      expect((await refusalOf(() => after.signReport(at(3n, 6n, 0)))).code).to.equal("Signer_BelowMark");
      expect((await refusalOf(() => after.signReport(at(3n, 7n, 0, 2)))).code).to.equal("Signer_BelowMark");
      await after.signReport(at(3n, 7n, 0));
      await after.signReport(at(3n, 8n, 0, 2));
      await after.close();
    });

    it("of two at once for one instance, one is signed", async () => {
      const marked = open();
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map((byte) => marked.signReport(at(1n, 5n, 0, byte))));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).to.have.length(1);
      await marked.close();
    });

    it("S02: signs nothing when the mark cannot be written", async () => {
      const marked = open();
      await marked.signReport(at(1n, 5n, 0));
      mkdirSync(`${file}.fresh`); // the folder stands where the new mark is to be written
      const failure = await failureOf(() => marked.signReport(at(1n, 6n, 0)));
      expect(failure.code).to.equal("Mark_NotDurable");
      rmSync(`${file}.fresh`, { recursive: true });
      await marked.signReport(at(1n, 6n, 0, 2)); // nothing was signed for it, so any digest may be
      await marked.close();
    });
  });

  describe("the file", () => {
    const write = async () => {
      const marked = open();
      await marked.signReport(at(1n, 5n, 0));
      await marked.close();
      return readFileSync(file, "utf8");
    };

    it("is refused with a remedy when it is damaged anywhere, cut short, or longer", async () => {
      const text = await write();
      const damaged = Array.from(text).map(
        (letter, place) => text.slice(0, place) + (letter === "7" ? "8" : "7") + text.slice(place + 1),
      );
      for (const bad of [...damaged, "", text.slice(0, -1), text.slice(0, 30), `${text}\n`]) {
        writeFileSync(file, bad);
        const failure = await failureOf(open);
        expect(failure.code, bad).to.be.oneOf(["Mark_Damaged", "Mark_OtherKey"]);
      }
      expect((await failureOf(open)).message).to.contain("give the oracle a new key");
      writeFileSync(file, text);
      await open().close();
    });

    it("is refused with a remedy when it is gone, in a new process and in the running one", async () => {
      await write();
      rmSync(file);
      const failure = await failureOf(open);
      expect(failure.code).to.equal("Mark_Missing");
      expect(failure.message).to.contain("mark.made");
      rmSync(`${file}.made`);
      const marked = open();
      await marked.signReport(at(1n, 2n, 0));
      rmSync(file);
      rmSync(`${file}.made`);
      expect((await failureOf(() => marked.signReport(at(1n, 9n, 0)))).code).to.equal("Mark_Missing");
      await marked.close();
    });

    it("is refused when an older one was put back under the running process", async () => {
      const old = await write();
      const marked = open();
      await marked.signReport(at(1n, 6n, 0));
      writeFileSync(file, old);
      expect((await failureOf(() => marked.signReport(at(1n, 5n, 1)))).code).to.equal("Mark_Fell");
      await marked.close();
    });

    it("is refused when it is another key's", async () => {
      await write();
      const other = memorySigner(new SigningKey(`0x${"11".repeat(32)}`));
      const failure = await failureOf(() => markedSigner(other, file));
      expect(failure.code).to.equal("Mark_OtherKey");
      await open().close(); // the refused one let go of the lock
    });

    it("is for its owner's eyes, and leaves nothing beside it when it is closed", async () => {
      await write();
      expect(readdirSync(join(file, "..")).sort()).to.deep.equal(["mark", "mark.made"]);
      expect(statSync(file).mode & 0o777).to.equal(0o600);
    });

    it("S19: belongs to one process, and is free again after a kill -9", async () => {
      const child = signingChild(file);
      await child.lines.next();
      const failure = await failureOf(open);
      expect(failure.code).to.equal("Mark_InUse");
      expect(failure.message).to.contain(`process ${child.pid}`);
      await child.kill();
      await open().close();
    });
  });

  it("S01: whatever was signed when a kill -9 came is at or below the mark", async function () {
    this.timeout(30_000);
    for (const afterMs of [3, 11, 29]) {
      const child = signingChild(file);
      await child.lines.next();
      await sleep(afterMs);
      const last = BigInt(await child.kill());
      const marked = open();
      expect((marked.mark()?.epoch ?? 0n) >= last, `signed ${last}`).to.equal(true);
      await marked.close();
    }
  });

  describe("signMessage", () => {
    const struct = structOf(Telemetry__factory.abi, "skip", "notice");
    const domain = { name: "Rackbond Telemetry", version: "1", chainId: 1n, verifyingContract: ADDRESS };
    const value = Object.fromEntries(
      struct.types[struct.primaryType]!.map(({ name, type }) => [
        name,
        type === "bytes32" ? `0x${"01".repeat(32)}` : 1n,
      ]),
    );

    it("moves no mark, and never signs what the contract takes for a report or a skip", async () => {
      const marked = open(domainSeparator(domain));
      const message = structPreimage(struct, { ...domain, name: "Rackbond Consensus" }, value);
      expect(signerOf(message, await marked.signMessage(message))).to.equal(ADDRESS);
      expect(marked.mark()).to.equal(undefined);
      const report = structPreimage(struct, domain, value);
      expect((await refusalOf(() => marked.signMessage(report))).code).to.equal("Signer_NotAMessage");
      const instance: Instance = { configCount: 1n, epoch: 1n, kind: 1 };
      const refusal = await refusalOf(() => marked.signReport({ ...instance, preimage: message }));
      expect(refusal.code).to.equal("Signer_OtherDomain");
      await marked.signReport({ ...instance, preimage: report });
      await marked.close();
    });

    it("structPreimage hashes to structDigest", () => {
      const preimage = structPreimage(struct, domain, value);
      expect(preimage).to.have.length(66);
      expect(keccakHex(preimage)).to.equal(structDigest(struct, domain, value));
    });
  });

  it("closes the key with itself", async () => {
    let isClosed = false;
    const marked = markedSigner(
      {
        ...(await openSigner(`plain:${KEY.privateKey}`, DEVELOPMENT)),
        close: () => Promise.resolve(void (isClosed = true)),
      },
      file,
    );
    await marked.close();
    expect(isClosed).to.equal(true);
  });
});

/** A process that signs epoch after epoch and prints each as its signature leaves. */
function signingChild(file: string) {
  const modules = ["keys/marks.ts", "keys/signer.ts"].map(
    (path) => new URL(`../../server/${path}`, import.meta.url).href,
  );
  const program = `
    import { markedSigner } from ${JSON.stringify(modules[0])};
    import { openSigner } from ${JSON.stringify(modules[1])};
    const marked = markedSigner(await openSigner("plain:${KEY.privateKey}", { isProduction: false }), ${JSON.stringify(file)});
    for (let epoch = (marked.mark()?.epoch ?? 0n) + 1n; ; epoch++) {
      await marked.signReport({ configCount: 1n, epoch, kind: 0, preimage: new Uint8Array(66) });
      process.stdout.write(epoch + "\\n");
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let last = "0";
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => (last = line));
  return {
    pid: child.pid,
    lines: reader[Symbol.asyncIterator](),
    async kill() {
      child.kill("SIGKILL");
      await once(child, "close");
      return last;
    },
  };
}
