import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { zstdCompressSync } from "node:zlib";
import { expect } from "chai";

import { fileSources } from "../../server/plugins/fileSources.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { Refusal } from "../../server/protocol/refusal.ts";

describe("files from strangers", () => {
  const hash = keccakText("a file");
  let server: Server;
  let url: string;
  let give: (response: ServerResponse) => void;
  let path: string | undefined;

  before(async () => {
    server = createServer((request, response) => {
      path = request.url;
      give(response);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const all = async (lines: AsyncIterable<string>) => {
    const list: string[] = [];
    for await (const line of lines) list.push(line);
    return list;
  };
  const read = async (timeoutMs = 5_000) => {
    const files = await fileSources({ sources: [url], isPrivateAllowed: true, timeoutMs });
    return await files.file("identities", hash, all);
  };
  const found = async (timeoutMs?: number) => {
    try {
      await read(timeoutMs);
    } catch (error) {
      if (error instanceof Refusal) return String(error.facts["found"]);
      throw error;
    }
    return "a file";
  };

  it("come plain or packed, from their one address", async () => {
    give = (response) => response.end("a\nb\n");
    expect(await read()).to.deep.equal(["a", "b"]);
    expect(path).to.equal(`/v1/files/identities/${hash}`);
    give = (response) => response.setHeader("content-encoding", "zstd").end(zstdCompressSync("c\n"));
    expect(await read()).to.deep.equal(["c"]);
  });

  it("S08: that are too long, cut, bombs, or in another coding are refused with the reason", async () => {
    const packed = (bytes: Buffer) => (response: ServerResponse) =>
      response.setHeader("content-encoding", "zstd").end(bytes);
    const cases: [RegExp, typeof give][] = [
      [/Lines_LineTooLong/, packed(zstdCompressSync(Buffer.alloc(1 << 26, "x")))],
      [/unexpected end/i, packed(zstdCompressSync(Buffer.alloc(1 << 16, "x\n")).subarray(0, -4))],
      [/Lines_Truncated/, (response) => response.end("a\nb")],
      [/answers in gzip/, (response) => response.setHeader("content-encoding", "gzip").end("a")],
      [/answers 302/, (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()],
      [/answers 500/, (response) => response.writeHead(500).end("secret")],
      [/no such file/, (response) => response.writeHead(404).end()],
      [
        /cut short|ECONNRESET|aborted|socket/i,
        (response) => {
          response.writeHead(200, { "content-length": "100" }).write("a");
          setTimeout(() => response.destroy(), 20);
        },
      ],
    ];
    for (const [reason, answer] of cases) {
      give = answer;
      expect(await found()).to.match(reason);
    }
    give = (response) => response.write("a");
    expect(await found(200), "one that never ends").to.match(/within 200 ms/);
  });

  it("S11: are not asked of private addresses unless that is allowed", async () => {
    give = (response) => response.end("a\n");
    const files = await fileSources({ sources: [url], isPrivateAllowed: false });
    const failed = await files.file("identities", hash, all).catch((error: unknown) => error);
    expect(failed)
      .to.be.instanceOf(Refusal)
      .and.have.nested.property("facts.found")
      .match(/private network/);
    for (const source of ["http://example.com", "ftp://example.com", "https://user:pass@example.com"]) {
      const refused = await fileSources({ sources: [source], isPrivateAllowed: true }).catch((error: unknown) => error);
      expect(refused, source).to.have.property("code").match(/^Url_/);
    }
  });
});
