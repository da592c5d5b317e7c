import { readFileSync } from "node:fs";
import { expect } from "chai";

import { aggregate, initialState, type Aggregation, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import {
  identityLines,
  identityRootOf,
  namedIdentityRoot,
  parseIdentities,
} from "../../server/protocol/identityTree.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { linesOf } from "../../server/protocol/lines.ts";
import type { SiteFactors } from "../../server/protocol/lot.ts";
import { factorsOf, methodologyText, parseMethodology } from "../../server/protocol/methodology.ts";
import { checkReadingSet, parseReadingSet, readingSetLines } from "../../server/protocol/publication.ts";
import { parseReading, readingDomain, readingHash, type ReadingJson } from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";

type Vectors = {
  lots: { lotId: string; gpuCount: string; tdpW: string; site: Record<keyof SiteFactors, string> }[];
  steps: { epoch: string; verified: { reading: ReadingJson; signature: Hex }[] }[];
};
const vectors = JSON.parse(readFileSync(new URL("../vectors/aggregate.json", import.meta.url), "utf8")) as Vectors;
const factors = (site: Record<keyof SiteFactors, string>) =>
  Object.fromEntries(Object.entries(site).map(([name, text]) => [name, BigInt(text)])) as unknown as SiteFactors;
const lots = vectors.lots.map(({ lotId, gpuCount, tdpW, site }) => ({
  ...{ lotId: BigInt(lotId), gpuCount: BigInt(gpuCount), tdpW: BigInt(tdpW), site: factors(site) },
}));
const domain = readingDomain(31_337n, `0x${"42".repeat(20)}`);

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "none";
}

async function* pieces(text: string, length: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += length) yield await Promise.resolve(bytes.subarray(at, at + length));
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("protocol publication", () => {
  let verified: VerifiedReading[];
  let result: Aggregation;
  let lines: string[];

  before(() => {
    const [step] = vectors.steps;
    // The vectors' hashes are of no domain: these are of one.
    verified = step!.verified.map(({ reading: json, signature }) => {
      const reading = parseReading(json);
      return { reading, signature, readingHash: readingHash(domain, reading) };
    });
    result = aggregate(BigInt(step!.epoch), initialState(BigInt(step!.epoch)), lots, verified);
    lines = [...readingSetLines(result.epoch, result.state, verified)];
  });

  const check = (changed: readonly string[], hash = result.dataHash) => checkReadingSet(domain, hash, changed);

  describe("a reading set", () => {
    it("comes back as it was written, under its data hash, whatever the order it was given in", async () => {
      const set = await check(lines);
      expect(set.epoch).to.equal(result.epoch);
      expect(set.state).to.deep.equal(result.state);
      const sorted = verified.toSorted((a, b) => (a.reading.nodeId < b.reading.nodeId ? -1 : 1));
      expect(set.readings).to.deep.equal(sorted);
      expect([...readingSetLines(result.epoch, result.state, verified.toReversed())]).to.deep.equal(lines);
    });

    it("of an epoch without readings is its state alone", async () => {
      const silent = aggregate(result.epoch + 1n, result.state, lots, []);
      const alone = [...readingSetLines(silent.epoch, silent.state, [])];
      expect(alone).to.have.length(1);
      expect((await check(alone, silent.dataHash)).state).to.deep.equal(silent.state);
    });

    it("E12: is refused under its hash when a byte, a reading, a signature, the state or the domain is another", async () => {
      const flipped = (line: string) => line.replace(/"availableSec":"\d+"/, '"availableSec":"1"');
      const cases: [string, string[]][] = [
        ["a reading", [lines[0]!, flipped(lines[1]!), ...lines.slice(2)]],
        ["one left out", lines.toSpliced(1, 1)],
        ["a signature", [lines[0]!, lines[1]!.replace(/"0x../, '"0x01'), ...lines.slice(2)]],
        ["the state", [lines[0]!.replace(/"gpuMJ":"\d+"/, '"gpuMJ":"5"'), ...lines.slice(1)]],
      ];
      for (const [name, changed] of cases) {
        expect(changed, name).not.to.deep.equal(lines);
        expect(await refusal(() => check(changed)), name).to.equal("ReadingSet_WrongHash");
      }
      const other = readingDomain(1n, `0x${"42".repeat(20)}`);
      expect(await refusal(() => checkReadingSet(other, result.dataHash, lines))).to.equal("ReadingSet_WrongHash");
    });

    it("S21: has one form: other orders, spellings, fields and epochs are refused before any hash", async () => {
      const [first, second, third] = lines as [string, string, string];
      const rest = lines.slice(3);
      const cases: [string, string[]][] = [
        ["ReadingSet_Empty", []],
        ["ReadingSet_Malformed", ["", ...lines.slice(1)]],
        ["ReadingSet_Malformed", ["null", ...lines.slice(1)]],
        ["ReadingSet_Malformed", ['{"version":1,"epoch":"5","state":{"epoch":"5","lots":7}}']],
        ["ReadingSet_Malformed", ['{"version":1,"epoch":"5","state":{"epoch":5.5,"lots":[]}}']],
        ["ReadingSet_NotCanonical", [first.replace('"version":1', '"version":2'), second]],
        ["ReadingSet_NotCanonical", [first.replace("{", "{ "), second]],
        ["ReadingSet_NotCanonical", [first.replace('{"version":1', '{"more":0,"version":1'), second]],
        ["ReadingSet_NodesUnsorted", [first, third, second, ...rest]],
        ["ReadingSet_NodesUnsorted", [first, second, second]],
        ["ReadingSet_OtherEpoch", [first.replaceAll(`"${result.epoch}"`, `"${result.epoch + 1n}"`), second]],
        ["ReadingSet_NotCanonical", [first, second.replace("{", "{ ")]],
        ["ReadingSet_NotCanonical", [first, second.replace('{"reading"', '{"reading":{},"reading"')]],
        ["ReadingSet_NotCanonical", [first, second.replace(/}$/, ',"x":1}')]],
        ["ReadingSet_Malformed", [first, "[]"]],
        ["ReadingSet_Malformed", [first, second.slice(0, -1)]],
        ["ReadingSet_Malformed", [first, second.replace(/..."}$/, '"}')]],
      ];
      for (const [code, changed] of cases) {
        expect(await refusal(() => check(changed)), `${code} ${changed[0]?.slice(0, 40)}`).to.equal(code);
      }
      const swapped = JSON.parse(first) as { state: { lots: unknown[] } };
      swapped.state.lots.reverse();
      expect(await refusal(() => check([JSON.stringify(swapped), second]))).to.equal("ReadingSet_LotsUnsorted");
    });

    it("S08: is refused as it grows beyond the devices that the chain says reported", async () => {
      const deviceCount = verified.reduce((sum, { reading }) => sum + reading.devices.length, 0);
      const within = (maxCount: number) => refusal(() => checkReadingSet(domain, result.dataHash, lines, maxCount));
      expect(await within(deviceCount)).to.equal("none");
      expect(await within(deviceCount - 1)).to.equal("ReadingSet_TooLarge");
    });

    it("is read one by one: what comes after a bad line is never asked for", async () => {
      let asked = 0;
      const endless = (function* () {
        for (;;) yield lines[Math.min(asked++, 2)]!;
      })();
      const { readings } = await parseReadingSet(endless);
      expect(await refusal(() => all(readings))).to.equal("ReadingSet_NodesUnsorted");
      expect(asked).to.equal(4);
    });
  });

  describe("lines", () => {
    const limits = { maxLineBytes: 10, maxBytes: 40 };
    it("are the same however their bytes are cut", async () => {
      const text = "é\n\nabc\n€€€\n0123456789\n";
      for (const length of [1, 2, 3, 7, 100]) {
        const found = await all(linesOf(pieces(text, length), limits));
        expect(found).to.deep.equal(["é", "", "abc", "€€€", "0123456789"]);
      }
    });
    it("S08: that are too long, too many, cut off or no UTF-8 are refused", async () => {
      for (const length of [1, 5, 100]) {
        const code = (text: string) => refusal(() => all(linesOf(pieces(text, length), limits)));
        expect(await code("01234567890\n")).to.equal("Lines_LineTooLong");
        expect(await code("012345678901234")).to.equal("Lines_LineTooLong");
        expect(await code("0123\n".repeat(9))).to.equal("Lines_TooLong");
        expect(await code("abc\ndef")).to.equal("Lines_Truncated");
      }
      expect(await refusal(() => all(linesOf([new Uint8Array([0x61, 0xff, 10])], limits)))).to.equal("Lines_NotUtf8");
    });
  });

  describe("identities", () => {
    const names = ["GPU-c4529c8d-69c4-b61d-e0bc-7b2460096005", "1654422006434"];
    const devices = names.map((name, index) => ({ name, nodeId: BigInt(index + 1) }));
    const keyHashOf = (nodeId: bigint) => keccakText(`key ${nodeId}`);

    it("make the identity root, in canonical spelling", async () => {
      const text = [...identityLines(devices)];
      expect(text[0]).to.equal('{"name":"GPU-C4529C8D-69C4-B61D-E0BC-7B2460096005","nodeId":"1"}');
      const parsed = await parseIdentities(text);
      const anchors = names.map((name, index) => ({
        anchor: identityAnchor(name),
        nodeKeyHash: keyHashOf(BigInt(index + 1)),
      }));
      expect(namedIdentityRoot(parsed, keyHashOf)).to.equal(identityRootOf(anchors));
    });
    it("E13: in another spelling, or with anything more, are refused", async () => {
      const code = (line: string) => refusal(() => parseIdentities([line]));
      const [good] = identityLines(devices) as unknown as Iterable<string>;
      expect(await code(good!)).to.equal("none");
      expect(await code(good!.replace("GPU-C", "GPU-c"))).to.equal("Identities_NotCanonical");
      expect(await code(good!.replace("}", ',"a":1}'))).to.equal("Identities_NotCanonical");
      expect(await code(good!.replace('"1"', "1"))).to.equal("Identities_Malformed");
      expect(await code("null")).to.equal("Identities_Malformed");
      expect(await code("{")).to.equal("Identities_Malformed");
      expect(await code(good!.replace("GPU-", "MIG-"))).to.equal("Device_BadName");
    });
  });

  describe("a methodology", () => {
    const site = factors(vectors.lots[0]!.site);
    const other = { ...site, pueE4: 20_000n };
    const text = methodologyText({
      factors: site,
      exceptions: new Map([
        [70n, other],
        [9n, other],
      ]),
    });

    it("has one text, a default and exceptions by site", () => {
      const sites = (JSON.parse(text) as { sites: { siteId: string }[] }).sites.map(({ siteId }) => siteId);
      expect(sites).to.deep.equal(["9", "70"]);
      const parsed = parseMethodology(text);
      expect([factorsOf(parsed, 9n), factorsOf(parsed, 8n)]).to.deep.equal([other, site]);
      expect(methodologyText(parsed)).to.equal(text);
    });
    it("S21: in another spelling, or with factors that cannot be, is refused", async () => {
      const code = (changed: string) => refusal(() => parseMethodology(changed));
      expect(await code(text.replace(":", ": "))).to.equal("Methodology_NotCanonical");
      expect(await code(text.replace('"9"', '"99"'))).to.equal("Methodology_NotCanonical");
      expect(await code(text.replace('"70"', '"9"'))).to.equal("Methodology_NotCanonical");
      expect(await code(text.replace('"pueE4":20000', '"pueE4":9999'))).to.equal("Lot_PueBelowOne");
      expect(await code(text.replace('"pueE4":20000', '"pueE4":"20000"'))).to.equal("Methodology_Malformed");
      expect(await code("")).to.equal("Methodology_Malformed");
      expect(await code(ZERO_BYTES32)).to.equal("Methodology_Malformed");
    });
  });
});
