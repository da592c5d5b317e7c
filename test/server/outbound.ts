import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { expect } from "chai";

import { ask, isLoopback, isPrivate, outboundUrl, type Outbound } from "../../server/outbound.ts";
import { failureOf } from "./keyBench.ts";

const BOUNDS: Outbound = { timeoutMs: 300, limitBytes: 1_000, isPrivateAllowed: true };
const NO_PRIVATE: Outbound = { ...BOUNDS, isPrivateAllowed: false };

describe("outbound requests", () => {
  let server: Server;
  let port: number;
  let answer: RequestListener;
  let askedCount: number;

  before(async () => {
    server = createServer((request, response) => {
      askedCount += 1;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    askedCount = 0;
    answer = (_, response) => response.end("fine");
  });

  const get = (url: string, bounds = BOUNDS) => ask(outboundUrl(url, "it"), bounds);
  const own = () => `http://127.0.0.1:${port}/`;

  it("give status, headers and body, whatever the status", async () => {
    answer = (request, response) => response.writeHead(418, { "x-a": request.headers["x-b"] ?? "" }).end("short");
    const { status, headers, body } = await ask(outboundUrl(own(), "it"), { ...BOUNDS, headers: { "x-b": "1" } });
    expect([status, headers["x-a"], body.toString()]).to.deep.equal([418, "1", "short"]);
  });

  describe("S11", () => {
    it("go to no private address: by number, by name, in any spelling", async () => {
      const hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]"];
      for (const host of hosts)
        expect((await failureOf(() => get(`http://${host}:${port}/`, NO_PRIVATE))).code, host).to.be.oneOf([
          "Url_Private",
          "Url_NotSecure",
        ]);
      expect((await failureOf(() => get(`http://localhost:${port}/`, NO_PRIVATE))).code).to.equal("Url_Private");
      for (const host of [
        "10.1.2.3",
        "169.254.169.254",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a00:1]",
        "0.0.0.0",
      ])
        expect((await failureOf(() => get(`https://${host}/`, NO_PRIVATE))).code, host).to.equal("Url_Private");
      expect(askedCount).to.equal(0);
    });

    it("go where it was allowed", async () => {
      for (const host of ["127.0.0.1", "localhost"])
        expect((await get(`http://${host}:${port}/`)).body.toString()).to.equal("fine");
    });

    it("follow no redirect", async () => {
      answer = (_, response) => response.writeHead(302, { location: "/other" }).end();
      expect((await get(own())).status).to.equal(302);
      expect(askedCount).to.equal(1);
    });

    it("are encrypted but on this machine, and carry no password in the URL", async () => {
      for (const url of ["http://example.org", "ftp://127.0.0.1", "file:///etc/passwd", "http://10.0.0.1/"])
        expect((await failureOf(() => get(url))).code, url).to.equal("Url_NotSecure");
      expect((await failureOf(() => get("https://a:b@example.org"))).code).to.equal("Url_Bad");
      expect((await failureOf(() => get("no url"))).code).to.equal("Url_Bad");
    });

    it("know the private ranges from the public ones at their edges", () => {
      for (const address of [
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "ff02::1",
        "2001:db8::1",
      ])
        expect(isPrivate(address), address).to.equal(true);
      for (const address of [
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "100.128.0.0",
        "8.8.8.8",
        "2606:4700::1111",
        "2a00:1450::1",
      ])
        expect(isPrivate(address), address).to.equal(false);
      expect(["127.0.0.1", "127.9.9.9", "::1"].every(isLoopback)).to.equal(true);
      expect(["128.0.0.1", "10.0.0.1", "::2"].some(isLoopback)).to.equal(false);
    });
  });

  describe("S08", () => {
    it("end where an answer is too long, with and without saying so", async () => {
      answer = (_, response) => response.end("x".repeat(1_001));
      expect((await failureOf(() => get(own()))).code).to.equal("Url_TooLong");
      answer = (_, response) => {
        const more = setInterval(() => response.write("x".repeat(400)), 5);
        response.on("close", () => clearInterval(more));
      };
      expect((await failureOf(() => get(own()))).code).to.equal("Url_TooLong");
      answer = (_, response) => response.end("x".repeat(1_000));
      expect((await get(own())).body).to.have.length(1_000);
    });

    it("end in time where no answer comes, or comes byte by byte, or is cut short", async () => {
      const started = Date.now();
      answer = () => undefined;
      expect((await failureOf(() => get(own()))).message).to.contain("within 300 ms");
      answer = (_, response) => {
        const more = setInterval(() => response.write("x"), 20);
        response.on("close", () => clearInterval(more));
      };
      expect((await failureOf(() => get(own()))).message).to.contain("within 300 ms");
      answer = (_, response) => {
        response.writeHead(200, { "content-length": 500 }).write("x");
        setTimeout(() => response.destroy(), 10);
      };
      expect((await failureOf(() => get(own()))).code).to.equal("Url_NoAnswer");
      expect(Date.now() - started).to.be.lessThan(3_000);
    });
  });
});
