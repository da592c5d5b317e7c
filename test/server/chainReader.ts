import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { codeOf } from "../../server/failure.ts";
import { chainReader } from "../../server/plugins/chainReader.ts";
import type { FiledEpoch } from "../../server/protocol/auditHistory.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { structHash, structOf } from "../../server/protocol/typed.ts";

const [registry, telemetry] = [`0x${"11".repeat(20)}`, `0x${"42".repeat(20)}`];
const hex = (value: bigint | number) => `0x${value.toString(16)}`;

/** A node of a chain of ten blocks that tells of a halt in blocks 3 and 7; a test lies with `answer`. */
describe("a stranger's reading of the chain", () => {
  let server: Server;
  let rpcUrl: string;
  let asked: string[] = [];
  let answer: (method: string, params: unknown[], honest: () => unknown) => unknown;

  const hashOf = (number: number) => keccakText(`block ${number}`);
  const halted = (number: number) => {
    const { topics, data } = INTERFACES.telemetry.encodeEventLog("Halted", [number]);
    const place = { blockNumber: hex(number), blockHash: hashOf(number), logIndex: "0x0" };
    return { ...place, address: telemetry, topics, data, transactionHash: keccakText(`transaction ${number}`) };
  };
  const honest = (method: string, params: unknown[]): unknown => {
    if (method === "eth_chainId") return hex(31_337);
    if (method === "eth_getBlockByNumber") {
      const number = params[0] === "latest" ? 10 : Number(params[0]);
      return { number: hex(number), hash: hashOf(number), timestamp: hex(1000 + number) };
    }
    const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
    return [halted(3), halted(7)].filter(
      ({ blockNumber }) => Number(blockNumber) >= Number(fromBlock) && Number(blockNumber) <= Number(toBlock),
    );
  };

  before(async () => {
    server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString()));
      request.on("end", () => {
        const { method, params } = JSON.parse(text) as { method: string; params: unknown[] };
        asked.push(method);
        const result = answer(method, params, () => honest(method, params));
        response.end(typeof result === "string" && result.startsWith("{") ? result : JSON.stringify({ result }));
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    rpcUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());
  beforeEach(() => {
    asked = [];
    answer = (_method, _params, truth) => truth();
  });

  const read = async (rangeCount = 4n) => {
    const deployment = { chainId: 31_337, startBlock: 1, addresses: { registry, telemetry } } as Deployment;
    return await chainReader({ rpcUrl, deployment, rangeCount }).events(() => undefined);
  };
  const failure = async () => {
    try {
      await read();
    } catch (error) {
      return codeOf(error);
    }
    return "none";
  };

  it("finds a filing's call in the input of another contract, and only the one whose hash was filed", async () => {
    const [configDigest, prevReportHash, reasonHash] = ["config", "before", "reason"].map((text) => keccakText(text));
    const notice = { configDigest, epoch: 5n, prevReportHash, reasonHash };
    const skip = (value: object) =>
      INTERFACES.telemetry.encodeFunctionData("skip", [
        value as never,
        { submittedAt: 0n, reportHash: prevReportHash!, meterWords: [] },
        7n,
        "0x1234",
      ]);
    const decoy = skip({ ...notice, epoch: 6n }).slice(2);
    const txHash = keccakText("transaction");
    const inputs = [skip(notice), `0xabcdef01${decoy}${skip(notice).slice(2)}00`, `0xabcdef01${decoy}`];
    const deployment = { chainId: 31_337, startBlock: 1, addresses: { registry, telemetry } } as Deployment;
    const hash = structHash(structOf(Telemetry__factory.abi, "skip", "notice"), notice);
    const found: unknown[] = [];
    for (const [place, input] of inputs.entries()) {
      answer = () => ({ hash: txHash, to: place === 0 ? telemetry : registry, input });
      const call = await chainReader({ rpcUrl, deployment }).callOf({ txHash, hash, report: undefined } as FiledEpoch);
      found.push(call && [(call.value as typeof notice).epoch, call.signerBitmap, call.signatures]);
    }
    const call = [5n, 7n, "0x1234"];
    expect(found).to.deep.equal([call, call, undefined]);
  });

  it("gives the events in order, with the time of their block, in ranges", async () => {
    const events = await read();
    expect(events.map(({ name, args, block, blockAt }) => [name, args["epoch"], block, blockAt])).to.deep.equal([
      ["Halted", 3n, 3n, 1003n],
      ["Halted", 7n, 7n, 1007n],
    ]);
    expect(asked.filter((method) => method === "eth_getLogs")).to.have.length(3);
  });

  it("S04: asks for less when the node finds a range too large", async () => {
    answer = (method, params, truth) => {
      const { fromBlock, toBlock } = (params[0] ?? {}) as { fromBlock?: string; toBlock?: string };
      const isLarge = method === "eth_getLogs" && Number(toBlock) - Number(fromBlock) > 0;
      return isLarge ? JSON.stringify({ error: { message: "query returns too many results" } }) : truth();
    };
    expect(await read()).to.have.length(2);
  });

  it("S04: tells a node that lies about its chain, its logs or its blocks", async () => {
    const onLogs =
      (change: (log: ReturnType<typeof halted>) => object) => (method: string, _: unknown[], truth: () => unknown) =>
        method === "eth_getLogs" ? (truth() as ReturnType<typeof halted>[]).map(change) : truth();
    const cases: [string, typeof answer][] = [
      ["Chain_WrongId", (method, _, truth) => (method === "eth_chainId" ? "0x5" : truth())],
      ["Audit_ChainMoves", onLogs((log) => ({ ...log, blockHash: hashOf(1) }))],
      ["Audit_StrayLog", onLogs((log) => ({ ...log, address: `0x${"99".repeat(20)}` }))],
      ["Audit_StrayLog", onLogs((log) => ({ ...log, removed: true }))],
      ["Audit_StrayLog", onLogs((log) => ({ ...log, blockNumber: "0xff" }))],
      [
        "Audit_OtherBlock",
        (method, params, truth) => {
          const isThree = method === "eth_getBlockByNumber" && params[0] === "0x3";
          return isThree ? honest(method, ["0x4"]) : truth();
        },
      ],
      ["Audit_LogsUnsorted", (method, _, truth) => (method === "eth_getLogs" ? [halted(3), halted(3)] : truth())],
      ["Audit_BadRpc", () => "{no JSON"],
    ];
    for (const [code, lie] of cases) {
      answer = (method, params, truth) => {
        const { fromBlock } = (params[0] ?? {}) as { fromBlock?: string };
        // One range is lied about: the first.
        return method === "eth_getLogs" && fromBlock !== "0x1" ? truth() : lie(method, params, truth);
      };
      expect(await failure(), code).to.equal(code);
    }
  });

  it("S03: begins anew when the chain moved while it read, and gives up when it never stands still", async () => {
    let moves = 1;
    let seen = 0;
    answer = (method, params, truth) => {
      const isEnd = method === "eth_getBlockByNumber" && params[0] === "0x4";
      if (!isEnd || ++seen % 2 === 1 || moves-- <= 0) return truth();
      return { ...(truth() as object), hash: hashOf(99) };
    };
    expect(await read()).to.have.length(2);
    expect(asked.filter((method) => method === "eth_chainId")).to.have.length(2);
    moves = 1000;
    seen = 0;
    expect(await failure()).to.equal("Audit_ChainMoves");
  });
});
