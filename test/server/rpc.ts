import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { expect } from "chai";

import { connectChain } from "../../server/plugins/chain.ts";
import type { JsonRpcProvider } from "ethers";

import { failureOf } from "./keyBench.ts";
import { refusalOf } from "./agentBench.ts";

const CHAIN_ID = 4_711;
const KEY = "access-key-of-the-service";

/** A JSON-RPC service that answers as it is told. */
interface Fake {
  readonly url: string;
  head: number;
  chainId: number;
  /** Answers in place of the service, while it is set. */
  fault: RequestListener | undefined;
  askedCount: number;
}

describe("S04: several JSON-RPC services", () => {
  const servers: Server[] = [];
  let fakes: Fake[];
  let provider: JsonRpcProvider | undefined;
  let lines: string[];

  const serve = async (): Promise<Fake> => {
    const server = createServer((request, response) => {
      fake.askedCount += 1;
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (fake.fault !== undefined) {
          fake.fault(request, response);
          return;
        }
        const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string };
        const results: Record<string, unknown> = {
          eth_chainId: fake.chainId,
          eth_blockNumber: fake.head,
          test_who: servers.indexOf(server),
        };
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? null }));
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${KEY}`;
    const fake: Fake = { url, head: 100, chainId: CHAIN_ID, fault: undefined, askedCount: 0 };
    return fake;
  };

  before(async () => (fakes = [await serve(), await serve(), await serve()]));
  after(() => servers.forEach((server) => server.close()));
  beforeEach(() => {
    lines = [];
    for (const fake of fakes) Object.assign(fake, { head: 100, chainId: CHAIN_ID, fault: undefined, askedCount: 0 });
  });
  afterEach(() => {
    provider?.destroy();
    for (const server of servers) server.closeAllConnections();
    for (const line of lines) expect(line).not.to.contain(KEY);
  });

  const connect = async (count: number) => {
    const urls = fakes
      .slice(0, count)
      .map(({ url }) => url)
      .join(", ");
    const options = {
      timeoutMs: 150,
      restMs: 60_000,
      compareEveryMs: 0,
      lagCount: 3,
      log: (line: string) => lines.push(line),
    };
    return (provider = await connectChain(urls, CHAIN_ID, options));
  };
  const who = () => provider!.send("test_who", []) as Promise<number>;

  it("the first of the list is asked", async () => {
    await connect(3);
    expect(await who()).to.equal(0);
  });

  const faults: Record<string, RequestListener> = {
    "does not answer in time": () => undefined,
    "breaks the connection": (_, response) => response.destroy(),
    "limits the rate": (_, response) => response.writeHead(429).end(),
    "limits the rate in JSON": (_, response) =>
      response.end('{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit exceeded"}}'),
    "is down": (_, response) => response.writeHead(502).end("bad gateway"),
    "talks HTML": (_, response) => response.end("<html>"),
    "talks other JSON": (_, response) => response.end('["no", null]'),
  };
  for (const [name, fault] of Object.entries(faults))
    it(`one that ${name} is left for the next, and left alone for a while`, async () => {
      await connect(2);
      fakes[0]!.fault = fault;
      expect(await who()).to.equal(1);
      fakes[0]!.fault = undefined;
      const asked = fakes[0]!.askedCount;
      expect(await who()).to.equal(1);
      expect(fakes[0]!.askedCount).to.equal(asked);
      expect(lines.join()).to.contain("the chain is asked at");
    });

  it("one of another chain is never asked, from the start or after it turned", async () => {
    fakes[0]!.chainId = 1;
    await connect(2);
    expect(await who()).to.equal(1);
    expect(lines.join()).to.contain("Chain_WrongId");
  });

  it("one that is behind is passed over, and asked again when it caught up", async () => {
    await connect(3);
    fakes[0]!.head = 96;
    expect(await who()).to.equal(1);
    fakes[0]!.head = 97;
    expect(await who()).to.equal(0);
  });

  it("of three, one that claims a head far ahead puts nobody off", async () => {
    await connect(3);
    fakes[2]!.head = 10 ** 9;
    expect(await who()).to.equal(0);
  });

  it("when all fail, the last reason is given, without the address's key", async () => {
    await connect(2);
    for (const fake of fakes) fake.fault = (_, response) => response.writeHead(503).end();
    const failure = await failureOf(who);
    expect(failure.message).to.contain("status 503");
    expect(`${failure.message} ${failure.stack}`).not.to.contain(KEY);
  });

  it("S13: no failure of a single service holds the address's key", async () => {
    await connect(1);
    for (const fault of Object.values(faults)) {
      fakes[0]!.fault = fault;
      const failure = await failureOf(who);
      expect(`${failure.message} ${failure.stack} ${String(failure.cause)}`).not.to.contain(KEY);
    }
    fakes[0]!.fault = undefined;
    fakes[0]!.chainId = 1;
    expect((await refusalOf(() => connect(1))).message).not.to.contain(KEY);
  });
});
