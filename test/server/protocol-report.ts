import { readFileSync } from "node:fs";
import { expect } from "chai";
import { Wallet, computeAddress, dataSlice, toBeHex } from "ethers";
import { aggregate, initialState } from "../../server/protocol/aggregate.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { packSignatures, quorumCount, signerIndexOf } from "../../server/protocol/quorum.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import {
  buildReport,
  commitmentOf,
  configDigestOf,
  meterWordsOf,
  metersHashOf,
  reportDigestOf,
  reportFrom,
  reportHashOf,
  type ReportCall,
} from "../../server/protocol/report.ts";
import { structOf } from "../../server/protocol/typed.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";

type Texts<T> = { [K in keyof T]: T[K] extends readonly string[] ? Hex[] : string };
type Vectors = {
  domain: { name: string; version: string; chainId: string; verifyingContract: string };
  config: { configCount: string; signers: string[]; faultyCount: number; digest: Hex };
  reports: {
    report: Texts<ReportCall>;
    reportHash: Hex;
    digest: Hex;
    metersHash: Hex;
    submittedAt: string;
    commitment: Hex;
  }[];
};
const vectors = JSON.parse(readFileSync(new URL("../vectors/digest.json", import.meta.url), "utf8")) as Vectors;
const struct = structOf(Telemetry__factory.abi, "submit", "report");

describe("protocol report", () => {
  describe("given the shared vectors", () => {
    const domain = { ...vectors.domain, chainId: BigInt(vectors.domain.chainId) };
    for (const { report: texts, reportHash, digest, metersHash, submittedAt, commitment } of vectors.reports) {
      it(`a report of ${texts.meterWords.length / 4} lots has that hash, digest and commitment`, () => {
        const report = reportFrom(texts);
        expect(meterWordsOf(report.meters)).to.deep.equal(texts.meterWords);
        expect(reportHashOf(struct, report)).to.equal(reportHash);
        expect(reportDigestOf(struct, domain, report)).to.equal(digest);
        expect(metersHashOf(report.meters)).to.equal(metersHash);
        const filing = { reportHash, submittedAt: BigInt(submittedAt), meters: report.meters };
        expect(commitmentOf(filing)).to.equal(commitment);
      });
    }
    it("a configuration has that digest, and each part of it counts", () => {
      const { configCount, signers, faultyCount, digest } = vectors.config;
      const { chainId, verifyingContract } = domain;
      const of = (chain: bigint, address: string, count: bigint, oracles: string[], faulty: number) =>
        configDigestOf(chain, address, count, oracles, faulty);
      const count = BigInt(configCount);
      expect(of(chainId, verifyingContract, count, signers, faultyCount)).to.equal(digest);
      const others = [
        of(1n, verifyingContract, count, signers, faultyCount),
        of(chainId, signers[0]!, count, signers, faultyCount),
        of(chainId, verifyingContract, 2n, signers, faultyCount),
        of(chainId, verifyingContract, count, signers.toReversed(), faultyCount),
        of(chainId, verifyingContract, count, signers, 2),
        digest,
      ];
      expect(new Set(others).size).to.equal(others.length);
    });
  });

  it("is built from an aggregation", () => {
    const site = { overheadE4: 10_000n, pueE4: 10_000n, cfeBps: 0n, gCO2ePerKWh: 0n, waterMlPerKWh: 0n };
    const roots = { readingsRoot: keccakText("readings"), dataHash: keccakText("data") };
    const lot = { lotId: 1n, gpuCount: 8n, tdpW: 700n, site };
    const aggregation = { ...aggregate(5n, initialState(5n), [lot], []), ...roots };
    const [config, prev, method] = [keccakText("config"), keccakText("prev"), keccakText("method")];
    expect(buildReport(aggregation, config, prev, method)).to.deep.equal({
      configDigest: config,
      epoch: 5n,
      periodStartAt: 18_000n,
      periodEndAt: 21_600n,
      readingsRoot: roots.readingsRoot,
      prevReportHash: prev,
      dataHash: roots.dataHash,
      methodologyHash: method,
      devicesRegisteredCount: 8n,
      devicesReportingCount: 0n,
      meters: aggregation.meters,
    });
  });
});

describe("protocol quorum", () => {
  const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const wallets = Array.from({ length: 7 }, (_, i) => new Wallet(toBeHex(i + 1, 32)));
  const keys = wallets
    .map((wallet) => wallet.signingKey)
    .sort((a, b) => (BigInt(computeAddress(a)) < BigInt(computeAddress(b)) ? -1 : 1));
  const signers = keys.map((key) => computeAddress(key));
  const digest = keccakText("report");
  const sign = (i: number, what = digest) => keys[i]!.sign(what);

  it("E01: packs exactly 2f+1, by ascending signer, whatever order and form they come in", () => {
    const given = [sign(6).serialized, sign(2).compactSerialized, sign(0).serialized, sign(5).serialized];
    const { signerBitmap, signatures } = packSignatures(digest, signers.slice(0, 7), 2, [...given, sign(3).serialized]);
    expect(quorumCount(2)).to.equal(5);
    expect(signerBitmap).to.equal(0b1101101n);
    expect(signatures).to.have.length(2 + 128 * 5);
    [0, 2, 3, 5, 6].forEach((signer, place) => {
      const part = dataSlice(signatures, 64 * place, 64 * place + 64);
      expect(part).to.equal(sign(signer).compactSerialized);
      expect(signerIndexOf(digest, signers, part)).to.equal(signer);
    });
  });
  it("E01: leaves out those beyond the quorum, the highest first", () => {
    const given = [3, 2, 1, 0].map((i) => sign(i).serialized);
    expect(packSignatures(digest, signers.slice(0, 4), 1, given).signerBitmap).to.equal(0b111n);
  });
  it("E01: refuses 2f, a signer twice, a stranger, another digest", () => {
    const four = signers.slice(0, 4);
    const run = (given: string[]) => () => packSignatures(digest, four, 1, given);
    const good = [0, 1, 2].map((i) => sign(i).serialized);
    expect(run(good)).not.to.throw();
    expect(run(good.slice(0, 2))).to.throw(Refusal, "Quorum_TooFew: signatureCount 2, quorumCount 3");
    expect(run([...good, sign(1).compactSerialized])).to.throw(Refusal, "Quorum_SignerTwice");
    expect(run([...good, sign(6).serialized])).to.throw(Refusal, "Quorum_UnknownSigner");
    expect(run([...good.slice(0, 2), sign(2, keccakText("other")).serialized])).to.throw(
      Refusal,
      "Quorum_UnknownSigner",
    );
  });
  it("E01: refuses s in the upper half, in either form", () => {
    const { r, s, v } = sign(0);
    const high = toBeHex(ORDER - BigInt(s), 32).slice(2);
    const flipped = v === 27 ? "1c" : "1b";
    expect(() => packSignatures(digest, signers, 2, [`${r}${high}${flipped}`])).to.throw(Refusal, "Signature_HighS");
    const justAbove = toBeHex((ORDER >> 1n) + 1n, 32).slice(2);
    expect(() => packSignatures(digest, signers, 2, [`${r}${justAbove}`])).to.throw(Refusal, "Signature_HighS");
  });
  it("E01: refuses what is no signature", () => {
    for (const text of ["0x", sign(0).serialized.slice(0, -2), "11".repeat(64), `0x${"00".repeat(65)}`]) {
      expect(() => packSignatures(digest, signers, 2, [text]), text).to.throw(Refusal);
    }
  });
});
