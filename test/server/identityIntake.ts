import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { nodeKeyOf } from "../../scripts/cast.ts";
import { buildApp } from "../../server/app.ts";
import { codeOf } from "../../server/failure.ts";
import { loadConfig } from "../../server/config.ts";
import { insertBlocks, insertEvents } from "../../server/plugins/events.ts";
import type { Json } from "../../server/protocol/eventJson.ts";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import type { Api } from "../../server/plugins/http.ts";
import { openIdentityIntake } from "../../server/plugins/identityIntake.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { nodeKeyHash } from "../../server/protocol/identity.ts";
import { identityLines, namedIdentityRoot, parseIdentities } from "../../server/protocol/identityTree.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { sampleSources } from "./sample.ts";

describe("PUT /v1/files/identities/{identityRoot}", () => {
  let folder: string;
  let store: Store;
  let files: Files;
  let app: Api;
  let port: number;
  const points = ["a", "b"].map((name) => nodeKeyOf("intake", name));
  const hashes = points.map(({ x, y }) => nodeKeyHash(x, y));
  const keyHashOf = (nodeId: bigint) => hashes[Number(nodeId) - 1]!;
  const devices = (name: string, count = 3) =>
    Array.from({ length: count }, (_, index) => ({ name: `${name}-${index}`, nodeId: BigInt(1 + (index % 2)) }));
  const textOf = (list: ReturnType<typeof devices>) => [...identityLines(list)].map((line) => `${line}\n`).join("");
  const [first, swapped, large] = [devices("FIRST"), devices("SWAPPED"), devices("LARGE", 3_000)];
  const [root, swappedRoot, largeRoot] = [first, swapped, large].map((list) => namedIdentityRoot(list, keyHashOf)) as [
    ...[Hex, Hex, Hex],
  ];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-intake-"));
    store = await openStore({ dataDir: join(folder, "data") });
    const lot = (gpuCount: number, identityRoot: Hex) => ({ gpuCount: String(gpuCount), tdpW: "700", identityRoot });
    const told: [string, Record<string, Json>][] = [
      ...points.map(({ x, y }, index): [string, Record<string, Json>] => [
        "NodeRegistered",
        { nodeId: String(index + 1), siteId: "1", publicX: x, publicY: y },
      ]),
      // A stranger's lot that names the same root and fewer boards is no reason to refuse.
      ["LotRegistered", { lotId: "1", siteId: "1", lot: lot(1, root) }],
      ["LotRegistered", { lotId: "2", siteId: "1", lot: lot(3, root) }],
      ["LotRegistered", { lotId: "3", siteId: "1", lot: lot(3_000, largeRoot) }],
      ["DevicesSwapped", { lotId: "2", identityRoot: swappedRoot }],
    ];
    for (const [index, [name, args]] of told.entries()) {
      const place = { block: BigInt(index), logIndex: 0, txHash: keccakText(String(index)), contract: "registry" };
      await insertBlocks(store.db, [{ number: place.block, hash: place.txHash, time: 3600n }]);
      await insertEvents(store.db, [{ ...place, address: `0x${"11".repeat(20)}`, name, args }]);
    }
  });
  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    files = await openFiles(join(folder, "files"));
    await serve();
  });
  afterEach(async () => {
    await app.close();
    rmSync(join(folder, "files"), { recursive: true, force: true });
  });

  const serve = async (options: { minFreeBytes?: number } = {}) => {
    const identities = openIdentityIntake({ db: store.db, files, minFreeBytes: 0, ...options });
    const config = loadConfig({}, { logLevel: "silent", requestTimeoutMs: "30000" });
    app = await buildApp({ config, sources: sampleSources({ identities }) });
    await app.listen({ host: "127.0.0.1", port: 0 });
    port = (app.server.address() as AddressInfo).port;
  };
  const kept = () => ["identities", "unfinished"].flatMap((name) => readdirSync(join(folder, "files", name)));
  /** The status and what the answer says. */
  const put = (hash: string, text: string, type = "application/x-ndjson") =>
    new Promise<string>((done, fail) => {
      const headers = { "content-type": type, "content-length": Buffer.byteLength(text) };
      const sent = request({ port, host: "127.0.0.1", method: "PUT", path: `/v1/files/identities/${hash}`, headers });
      sent.on("response", (answer) => {
        let body = "";
        answer.on("data", (chunk: Buffer) => (body += chunk.toString()));
        answer.on("end", () => {
          const { outcome, code } = JSON.parse(body) as { outcome?: string; code?: string };
          done(`${answer.statusCode} ${outcome ?? code}`);
        });
      });
      sent.on("error", fail);
      sent.end(text);
    });

  it("keeps what makes a lot's root, of devices swapped in as well, and says so again the second time", async () => {
    expect(await put(root, textOf(first))).to.equal("200 kept");
    expect(await parseIdentities(files.open("identities", root))).to.deep.equal(first);
    expect(await put(root, textOf(first))).to.equal("200 known");
    expect(await put(root, "what is there is not replaced\n")).to.equal("200 known");
    expect(await put(swappedRoot, textOf(swapped))).to.equal("200 kept");
    expect(await put(largeRoot, textOf(large))).to.equal("200 kept");
    expect(await parseIdentities(files.open("identities", largeRoot))).to.have.length(3_000);
  });

  it("S08: takes nothing of a root that no lot has, whatever its size, and keeps nothing that is not the root's", async () => {
    expect(await put(keccakText("nobody's"), textOf(devices("MANY", 50_000)))).to.equal("404 Lot_Unknown");
    const cases: [string, string][] = [
      ["", "422 Identities_None"],
      [textOf(swapped), "422 Identities_WrongRoot"],
      [textOf(first.slice(0, 2)), "422 Identities_WrongRoot"],
      [textOf(devices("FIRST", 4)), "413 Identities_TooMany"],
      [textOf(devices("MANY", 50_000)), "413 Lines_TooLong"],
      [textOf([{ name: "FIRST-0", nodeId: 9n }]), "422 Identities_UnknownNode"],
      [textOf(first).trimEnd(), "422 Lines_Truncated"],
      [textOf(first).replaceAll(",", ", "), "422 Identities_NotCanonical"],
      ["x".repeat(5_000), "413 Lines_TooLong"],
      ["x".repeat(1_500), "422 Lines_LineTooLong"],
    ];
    for (const [text, expected] of cases) {
      const answer = await put(root, text);
      expect(answer, text.slice(0, 60)).to.equal(expected);
    }
    expect(await put(root, textOf(first), "text/csv")).to.equal("415 Request_UnsupportedType");
    expect(await put("0x12", textOf(first))).to.equal("400 Request_Invalid");
    expect(kept()).to.deep.equal([]);
  });

  it("S09: keeps nothing of what is broken off, and takes two at once of an address", async () => {
    const sink = openIdentityIntake({ db: store.db, files, minFreeBytes: 0 });
    const breaks: (() => void)[] = [];
    const begun = [0, 1].map((place) => {
      let outcome: Promise<unknown> | undefined;
      const isBegun = new Promise<void>((reached) => {
        async function* pieces() {
          yield Buffer.from(textOf(first).slice(0, 50));
          reached();
          await new Promise<void>((_, fail) => (breaks[place] = () => fail(new Error("aborted"))));
        }
        outcome = sink.take(root, pieces(), "a").catch(codeOf);
      });
      return isBegun.then(() => ({ outcome: () => outcome }));
    });
    const slow = await Promise.all(begun);
    // eslint-disable-next-line @typescript-eslint/require-await
    const pieces = async function* () {
      yield Buffer.from(textOf(first));
    };
    const refused = await sink.take(root, pieces(), "a").catch(codeOf);
    expect(refused).to.equal("Files_TooManyAtOnce");
    for (const end of breaks) end();
    for (const { outcome } of slow) expect(await outcome()).to.equal("Identities_CutOff");
    expect(kept()).to.deep.equal([]);
    expect(await sink.take(root, pieces(), "a")).to.equal("kept");
  });

  it("leaves the disk its last bytes, and answers 404 where no files are kept", async () => {
    await app.close();
    await serve({ minFreeBytes: 2 ** 60 });
    expect(await put(root, textOf(first))).to.equal("503 Files_DiskLow");
    await app.close();
    app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources() });
    const headers = { "content-type": "application/x-ndjson" };
    const answer = await app.inject({ method: "PUT", url: `/v1/files/identities/${root}`, headers, payload: "x\n" });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).to.deep.equal([404, "Route_Unknown"]);
  });
});
