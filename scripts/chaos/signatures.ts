import { concat, getBytes, recoverAddress } from "ethers";

import {
  ballotDomain,
  ballotPreimage,
  parseBundle,
  type Instance,
  type SignedMessage,
} from "../../server/protocol/ballot.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { keccakHex } from "../../server/protocol/keccak.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import { reportFrom, reportHashOf } from "../../server/protocol/report.ts";
import { domainSeparator, structOf } from "../../server/protocol/typed.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { BodyReader } from "./tap.ts";
import type { Tap } from "./wire.ts";

/** Every signature that left a process, whether it arrived or not. */
export interface Signatures {
  readonly tap: (from: number, to: number) => Tap;
  /** Takes the signatures out of what was sent to the chain. */
  hearChain(inputs: readonly string[]): void;
  /** Two values of one signer in one place, both with its signature. */
  conflicts(): readonly Conflict[];
  /** Messages between oracles, and signatures for the chain, that differ. */
  counts(): { readonly messageCount: number; readonly chainCount: number };
}

export interface Conflict {
  readonly signerIndex: number;
  readonly epoch: bigint;
  /** Two reports are the worst: the chain decides on them. */
  readonly what: "report" | "proposal" | "prevote" | "precommit";
  readonly text: string;
}

export interface SignaturesOptions {
  readonly chainId: number;
  readonly telemetry: string;
  readonly signers: readonly string[];
}

/** Listens on the wires between oracles. */
export function watchSignatures(options: SignaturesOptions): Signatures {
  const { chainId, telemetry, signers } = options;
  const domain = ballotDomain(BigInt(chainId), telemetry);
  const chainDomain = domainSeparator({
    ...{ name: "Rackbond Telemetry", version: "1", chainId: BigInt(chainId), verifyingContract: telemetry },
  });
  const struct = structOf(Telemetry__factory.abi, "submit", "report");
  const seen = new Map<string, { value: string; signature: Hex }>();
  const conflicts: Conflict[] = [];
  let messageCount = 0;
  let chainCount = 0;

  const isBy = (signerIndex: number, digest: Hex, signature: Hex): boolean => {
    try {
      return recoverAddress(digest, signature).toLowerCase() === signers[signerIndex]?.toLowerCase();
    } catch {
      return false;
    }
  };
  /** Notes a value in its place, once its signature was found to be the signer's own. */
  const note = (
    place: string,
    value: string,
    signature: Hex,
    digest: () => Hex,
    conflict: Omit<Conflict, "text">,
  ): boolean => {
    const key = `${place}/${value}`;
    if (seen.has(key) || !isBy(conflict.signerIndex, digest(), signature)) return false;
    seen.set(key, { value, signature });
    const first = seen.get(place);
    if (first === undefined) seen.set(place, { value, signature });
    else conflicts.push({ ...conflict, text: `${place}: ${first.value} and ${value}` });
    return true;
  };
  const noteMessage = (instance: Instance, message: SignedMessage) => {
    const { signerIndex, type, round, signature } = message;
    const place = `${instance.configDigest}/${instance.epoch}/${instance.kind}/${type}/${round}/${signerIndex}`;
    const value = `${message.value}${message.type === "proposal" ? `/${message.validRound}` : ""}`;
    const digest = () => keccakHex(ballotPreimage(domain, instance, message));
    if (note(place, value, signature, digest, { signerIndex, epoch: instance.epoch, what: type })) messageCount += 1;
  };
  const noteForChain = ({ configDigest, epoch, kind }: Instance, signerIndex: number, value: Hex, signature: Hex) => {
    const place = `${configDigest}/${epoch}/${kind}/chain/${signerIndex}`;
    // A report's hash is its hashStruct, and so is a skip's.
    const digest = () => keccakHex(getBytes(concat(["0x1901", chainDomain, value])));
    if (note(place, value, signature, digest, { signerIndex, epoch, what: "report" })) chainCount += 1;
  };
  const hear = (json: unknown) => {
    if (typeof json !== "object" || json === null || !("messages" in json)) return;
    const { instance, messages, signatures } = parseBundle(json);
    for (const message of messages) noteMessage(instance, message);
    for (const { signerIndex, value, signature } of signatures) noteForChain(instance, signerIndex, value, signature);
  };
  const hearCall = (input: string) => {
    const call = INTERFACES.telemetry.parseTransaction({ data: input });
    if (call?.name !== "submit") return;
    const report = reportFrom(call.args.getValue("report") as Parameters<typeof reportFrom>[0]);
    const bitmap = call.args.getValue("signerBitmap") as bigint;
    const signatures = call.args.getValue("signatures") as string;
    const instance: Instance = { configDigest: report.configDigest, epoch: report.epoch, kind: 0 };
    const value = reportHashOf(struct, report);
    signers
      .flatMap((_, index) => (((bitmap >> BigInt(index)) & 1n) === 1n ? [index] : []))
      .forEach((signerIndex, place) => {
        noteForChain(instance, signerIndex, value, `0x${signatures.slice(2 + 128 * place, 2 + 128 * (place + 1))}`);
      });
  };
  return {
    hearChain: (inputs) => inputs.forEach(hearCall),
    tap() {
      const readers = new Map<string, BodyReader>();
      return (connectionId, direction, bytes) => {
        const key = `${connectionId}/${direction}`;
        let reader = readers.get(key);
        if (reader === undefined) readers.set(key, (reader = new BodyReader(hear)));
        reader.push(bytes);
      };
    },
    conflicts: () => conflicts,
    counts: () => ({ messageCount, chainCount }),
  };
}
