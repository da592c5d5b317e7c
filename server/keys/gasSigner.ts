import {
  AbstractSigner,
  Signature,
  Transaction,
  TypedDataEncoder,
  concat,
  getBytes,
  toUtf8Bytes,
  type Provider,
  type TransactionRequest,
  type TypedDataDomain,
  type TypedDataField,
} from "ethers";

import { Failure } from "../failure.ts";
import type { KeySigner } from "./key.ts";

/** A gas key as ethers takes it, wherever it is kept. */
export class GasSigner extends AbstractSigner {
  readonly address: string;
  readonly #signer: KeySigner;

  constructor(signer: KeySigner, provider?: Provider | null) {
    super(provider ?? null);
    this.address = signer.address;
    this.#signer = signer;
  }

  getAddress(): Promise<string> {
    return Promise.resolve(this.address);
  }

  connect(provider: Provider | null): GasSigner {
    return new GasSigner(this.#signer, provider);
  }

  async signTransaction(request: TransactionRequest): Promise<string> {
    const { from, to, gasLimit, gasPrice, maxFeePerGas, maxPriorityFeePerGas, nonce, chainId, data, value, type } =
      request;
    if (typeof from === "string" && from.toLowerCase() !== this.address.toLowerCase())
      throw new Failure("Key_WrongSender", `a transaction from ${from} cannot be signed by ${this.address}`);
    if (to !== undefined && to !== null && typeof to !== "string")
      throw new Failure("Key_WrongSender", "a transaction's receiver must be an address when it is signed");
    const fields = { to, gasLimit, gasPrice, maxFeePerGas, maxPriorityFeePerGas, nonce, chainId, data, value, type };
    const transaction = Transaction.from(
      Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined && field !== null)),
    );
    transaction.signature = Signature.from(await this.#signer.sign(getBytes(transaction.unsignedSerialized)));
    return transaction.serialized;
  }

  async signMessage(message: string | Uint8Array): Promise<string> {
    const bytes = typeof message === "string" ? toUtf8Bytes(message) : message;
    const prefix = toUtf8Bytes(`\x19Ethereum Signed Message:\n${bytes.length}`);
    return Signature.from(await this.#signer.sign(getBytes(concat([prefix, bytes])))).serialized;
  }

  async signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string> {
    const preimage = getBytes(TypedDataEncoder.encode(domain, types, value));
    return Signature.from(await this.#signer.sign(preimage)).serialized;
  }
}
