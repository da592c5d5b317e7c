import { FetchRequest, JsonRpcProvider, type JsonRpcPayload, type JsonRpcResult } from "ethers";

import { Failure } from "../failure.ts";
import { Refusal } from "../protocol/refusal.ts";

// Several JSON-RPC services of one chain behind one provider: the first in the order of preference that serves the right
// chain, answers in time, and is not behind the others. Addresses may hold an access key, so only their hosts are told.

export interface RpcOptions {
  /** For one request, ms. */
  readonly timeoutMs: number;
  /** How long a service that failed is left alone, ms. */
  readonly restMs: number;
  /** How often the heads of several services are compared, ms. */
  readonly compareEveryMs: number;
  /** A service this many blocks behind the others is not asked. */
  readonly lagCount: number;
  readonly log: (line: string) => void;
}

export const RPC_OPTIONS: RpcOptions = {
  ...{ timeoutMs: 15_000, restMs: 5_000, compareEveryMs: 2_000, lagCount: 3 },
  log: () => undefined,
};

interface Service {
  readonly url: string;
  readonly where: string;
  restsUntilMs: number;
  isChecked: boolean;
  head: number;
}

/** A JSON-RPC provider over several services; never answers from a cache. */
export class SwitchingProvider extends JsonRpcProvider {
  readonly #services: Service[];
  readonly #chainId: number;
  readonly #options: RpcOptions;
  #current: Service | undefined;
  #comparedAtMs = 0;

  constructor(urls: readonly string[], chainId: number, options: Partial<RpcOptions> = {}) {
    super(urls[0], chainId, { staticNetwork: true, cacheTimeout: -1, batchMaxCount: 1 });
    this.#services = urls.map((url) => ({ url, where: hostOf(url), restsUntilMs: 0, isChecked: false, head: 0 }));
    this.#chainId = chainId;
    this.#options = { ...RPC_OPTIONS, ...options };
  }

  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]> {
    if (this.#services.length > 1) await this.#compare();
    let last: unknown;
    for (const service of this.#inOrder()) {
      try {
        await this.#check(service);
        const results = await this.#ask(service, payload);
        this.#take(service);
        return results;
      } catch (error) {
        last = this.#leave(service, error);
      }
    }
    throw last;
  }

  // Rested ones first, in the order of preference; those that rest are better than none.
  #inOrder(): Service[] {
    const nowMs = Date.now();
    const heads = this.#services.map(({ head }) => head).sort((a, b) => b - a);
    // With three or more the highest head may be a lie; the second highest has a witness.
    const best = (heads.length > 2 ? heads[1] : heads[0]) ?? 0;
    const rank = ({ restsUntilMs, head }: Service) =>
      (restsUntilMs > nowMs ? 2 : 0) + (head > 0 && head < best - this.#options.lagCount ? 1 : 0);
    return [...this.#services].sort((a, b) => rank(a) - rank(b));
  }

  async #compare(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - this.#comparedAtMs < this.#options.compareEveryMs) return;
    this.#comparedAtMs = nowMs;
    await Promise.all(
      this.#services
        .filter(({ restsUntilMs }) => restsUntilMs <= nowMs)
        .map(async (service) => {
          try {
            await this.#check(service);
            service.head = Number(await this.#askOne(service, "eth_blockNumber"));
          } catch (error) {
            this.#leave(service, error);
          }
        }),
    );
  }

  /** Refuses a service of another chain: at its first use, and again after it failed. */
  async #check(service: Service): Promise<void> {
    if (service.isChecked) return;
    const chainId = Number(await this.#askOne(service, "eth_chainId"));
    if (chainId !== this.#chainId)
      throw new Refusal("Chain_WrongId", { url: service.where, chainId, expectedChainId: this.#chainId });
    service.isChecked = true;
  }

  #take(service: Service): void {
    if (this.#current === service) return;
    if (this.#current !== undefined) this.#options.log(`the chain is asked at ${service.where} now`);
    this.#current = service;
  }

  #leave(service: Service, error: unknown): unknown {
    service.restsUntilMs = Date.now() + this.#options.restMs;
    service.isChecked = false;
    if (this.#services.length > 1 && error instanceof Error) this.#options.log(`the chain: ${error.message}`);
    return error;
  }

  async #askOne(service: Service, method: string): Promise<unknown> {
    const [answer] = await this.#ask(service, { id: 1, jsonrpc: "2.0", method, params: [] });
    return answer?.result;
  }

  async #ask(service: Service, payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]> {
    const failed = (why: string) => new Failure("Chain_Unreachable", `no chain answers at ${service.where}: ${why}`);
    const request = new FetchRequest(service.url);
    request.timeout = this.#options.timeoutMs;
    request.body = JSON.stringify(payload);
    request.setHeader("content-type", "application/json");
    request.setThrottleParams({ maxAttempts: 1 });
    let answer: unknown;
    try {
      const response = await request.send();
      if (!response.ok()) throw failed(`status ${response.statusCode}`);
      answer = response.bodyJson;
    } catch (error) {
      if (error instanceof Failure) throw error;
      // ethers' own message repeats the address, and with it an access key.
      const { code, shortMessage } = error as { code?: string; shortMessage?: string };
      throw failed(shortMessage ?? code ?? "unknown reason");
    }
    const results = (Array.isArray(answer) ? answer : [answer]) as (JsonRpcResult & { error?: { code?: number } })[];
    for (const result of results) {
      if (typeof result !== "object" || (result as unknown) === null || !("result" in result || "error" in result))
        throw failed("the answer is no JSON-RPC");
      if (result.error?.code === LIMIT_EXCEEDED) throw failed("its limit is exceeded");
    }
    return results;
  }
}

// EIP-1474
const LIMIT_EXCEEDED = -32005;

function hostOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "an address that is no URL" : `${parsed.protocol}//${parsed.host}`;
}
