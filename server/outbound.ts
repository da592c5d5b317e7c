import { lookup as resolve } from "node:dns";
import {
  request as requestPlain,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { request as requestTls } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";

import { Failure, codeOf, messageOf } from "./failure.ts";

// Requests to addresses that a configuration or a stranger named: bounded in time and size, never redirected, and by default
// not into the private network. The address is checked where the connection is made, so a name whose answer changes
// between check and use gains nothing.

export interface Outbound {
  readonly method?: "GET" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For everything: name, connection, answer. */
  readonly timeoutMs: number;
  readonly limitBytes: number;
  /** Whether addresses of private networks and of this machine may be asked; plain http is for those of this machine only. */
  readonly isPrivateAllowed: boolean;
  /** PEM: who is trusted beside the system's authorities, and the client's certificate. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

// Private, shared, link-local, benchmark, documentation, multicast and reserved ranges, and IPv6 forms that hold an
// IPv4 one (a mapped ::ffff:a.b.c.d is looked up as a.b.c.d).
const PRIVATE = new BlockList();
const PRIVATE_RANGES =
  "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 " +
  "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 " +
  "::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8";
for (const range of PRIVATE_RANGES.split(" ")) {
  const [network, prefix] = range.split("/") as [string, string];
  PRIVATE.addSubnet(network, Number(prefix), isIP(network) === 6 ? "ipv6" : "ipv4");
}

/** Whether an IP address belongs to this machine. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Whether an IP address is not one of the public internet. */
export function isPrivate(address: string): boolean {
  return PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** A URL that may be asked: https, or http to an address of this machine; no user or password in it. */
export function outboundUrl(text: string, what: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new Failure("Url_Bad", `${what} is no URL`);
  if (url.username !== "" || url.password !== "") throw new Failure("Url_Bad", `${what} has a user or password in it`);
  const host = hostOf(url);
  const isOwn = host === "localhost" || (isIP(host) !== 0 && isLoopback(host));
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isOwn))
    throw new Failure(
      "Url_NotSecure",
      `${what}: ${url.protocol}//${url.host} is not https; plain http is for loopback`,
    );
  return url;
}

/** Asks once. A status of any kind is an answer; what keeps one from coming whole is a failure. */
export async function ask(url: URL, outbound: Outbound): Promise<OutboundAnswer> {
  const where = `${url.protocol}//${url.host}${url.pathname}`;
  const failed = (code: string, why: string) => new Failure(code, `${where}: ${why}`);
  const host = hostOf(url);
  const refuse = (address: string) => {
    if (!outbound.isPrivateAllowed && isPrivate(address))
      return failed("Url_Private", `${address} is an address of a private network`);
    // What was allowed without encryption was allowed for this machine.
    if (url.protocol === "http:" && !isLoopback(address))
      return failed("Url_NotSecure", `${address} is not of this machine, and http is not encrypted`);
    return undefined;
  };
  const refusal = isIP(host) === 0 ? undefined : refuse(host);
  if (refusal !== undefined) throw refusal;
  const lookup: LookupFunction = (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const bad = error ?? addresses.map(({ address }) => refuse(address)).find((found) => found !== undefined);
      if (bad) done(bad, []);
      else if (options.all === true) done(null, addresses);
      else done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
  const abort = AbortSignal.timeout(outbound.timeoutMs);
  const { method = "GET", body, headers, tls } = outbound;
  const options: RequestOptions = {
    ...{ method, lookup, signal: abort, agent: false },
    headers: {
      "accept-encoding": "identity",
      ...headers,
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
    },
  };
  try {
    return await new Promise<OutboundAnswer>((done, fail) => {
      const request =
        url.protocol === "https:" ? requestTls(url, { ...options, ...tls }, take) : requestPlain(url, options, take);
      function take(response: IncomingMessage) {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size <= outbound.limitBytes) {
            chunks.push(chunk);
            return;
          }
          fail(failed("Url_TooLong", `the answer is longer than ${outbound.limitBytes} bytes`));
          request.destroy();
        });
        response.on("error", fail);
        response.on("end", () => {
          if (!response.complete) fail(failed("Url_NoAnswer", "the answer was cut short"));
          else done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
      }
      request.on("error", fail);
      request.end(body);
    });
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (abort.aborted) throw failed("Url_NoAnswer", `no whole answer within ${outbound.timeoutMs} ms`);
    throw failed("Url_NoAnswer", codeOf(error) ?? messageOf(error));
  }
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}
