import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createSign, generateKeyPairSync } from "node:crypto";
import type { AddressInfo } from "node:net";

import { expect } from "chai";
import {
  Signature,
  SigningKey,
  Transaction,
  Wallet,
  getBytes,
  keccak256,
  verifyMessage,
  verifyTypedData,
} from "ethers";

import { externalSigner, parseEcdsa, SECP256K1_ORDER } from "../../server/keys/external.ts";
import { GasSigner } from "../../server/keys/gasSigner.ts";
import { memorySigner, openSigner } from "../../server/keys/signer.ts";
import { parseKeyUri } from "../../server/keys/uri.ts";
import { WEB3SIGNER_OPTIONS, web3signer } from "../../server/keys/web3signer.ts";
import { ADDRESS, DEVELOPMENT, KEY, PRODUCTION, failureOf, keyFolder, signerOf } from "./keyBench.ts";

const PREIMAGE = new Uint8Array(66).fill(3);
const OTHER = new SigningKey(`0x${"12".repeat(32)}`);
const TOKEN = "bearer-of-the-signer";
const PUBLIC_KEY = `0x${KEY.publicKey.slice(4)}`; // Web3Signer leaves the 04 out

describe("keys elsewhere", () => {
  const folder = keyFolder();
  after(() => folder.remove());

  describe("Web3Signer", function () {
    this.timeout(10_000);
    let server: Server;
    let url: string;
    let asked: string[];
    let answer: (request: IncomingMessage, body: string, response: ServerResponse) => void;

    const sign = (data: string, key = KEY) => key.sign(keccak256(data)).serialized;
    /** As Web3Signer does: a list of public keys, and r ‖ s ‖ v over keccak256 of the data, as text. */
    const faithful: typeof answer = (request, body, response) => {
      if (request.url === "/api/v1/eth1/publicKeys")
        response.end(JSON.stringify([`0x${OTHER.publicKey.slice(4)}`, PUBLIC_KEY]));
      else if (request.url === `/api/v1/eth1/sign/${PUBLIC_KEY}` && request.method === "POST")
        response.end(sign((JSON.parse(body) as { data: string }).data));
      else response.writeHead(404).end();
    };

    before(async () => {
      server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ""}`);
          answer(request, Buffer.concat(chunks).toString(), response);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => {
      server.closeAllConnections();
      server.close();
    });
    beforeEach(() => {
      asked = [];
      answer = faithful;
    });

    const patience = { timeoutMs: 250, retryCount: 2, firstWaitMs: 5 };
    const open = (options = `address=${ADDRESS}`, at = url) =>
      web3signer(parseKeyUri(`web3signer:${at}?${options}`, "the key", { web3signer: WEB3SIGNER_OPTIONS }), patience);
    const refusal = async (work: () => Promise<unknown>) => {
      const { code, message, stack } = await failureOf(work);
      expect(`${message} ${stack}`).not.to.contain(TOKEN);
      return `${code}: ${message}`;
    };

    it("finds the key by its address, and signs through the interface", async () => {
      const signer = await openSigner(`web3signer:${url}?address=${ADDRESS.toLowerCase()}`, PRODUCTION);
      expect(signerOf(PREIMAGE, await signer.sign(PREIMAGE))).to.equal(ADDRESS);
      expect(asked).to.deep.equal(["GET /api/v1/eth1/publicKeys ", `POST /api/v1/eth1/sign/${PUBLIC_KEY} `]);
    });

    it("takes quotes around the answer, a path before the interface, and a high s, which it lowers", async () => {
      answer = (request, body, response) => {
        const bare = Object.assign(request, { url: request.url!.replace("/signer", "") });
        if (request.method === "GET") {
          faithful(bare, body, response);
          return;
        }
        const { r, s, yParity } = KEY.sign(keccak256((JSON.parse(body) as { data: string }).data));
        const high = (SECP256K1_ORDER - BigInt(s)).toString(16).padStart(64, "0");
        response.end(`"${r}${high}${yParity === 0 ? "1c" : "1b"}"\n`);
      };
      const signer = await open(undefined, `${url}/signer/`);
      expect(signerOf(PREIMAGE, await signer.sign(PREIMAGE))).to.equal(ADDRESS);
    });

    it("asks again after a time-out, a broken connection and a passing status; not after a refusal", async () => {
      const signer = await open();
      const faults: (typeof answer)[] = [
        () => undefined,
        (_, __, response) => response.destroy(),
        (_, __, response) => response.writeHead(503).end("busy"),
        (_, __, response) => response.writeHead(429).end(),
        (_, __, response) => response.writeHead(200, { "content-length": 500 }).write("0x") && response.destroy(),
      ];
      for (const fault of faults) {
        let isFirst = true;
        answer = (...all) => {
          (isFirst ? fault : faithful)(...all);
          isFirst = false;
        };
        expect(signerOf(PREIMAGE, await signer.sign(PREIMAGE))).to.equal(ADDRESS);
      }
      asked = [];
      answer = (_, __, response) => response.writeHead(404).end();
      expect(await refusal(() => signer.sign(PREIMAGE))).to.match(/^Key_NoSignature.*status 404/);
      expect(asked).to.have.length(1);
    });

    it("gives up in time where no answer comes", async () => {
      const signer = await open();
      answer = () => undefined;
      asked = [];
      expect(await refusal(() => signer.sign(PREIMAGE))).to.match(/^Url_NoAnswer.*within 250 ms/);
      expect(asked).to.have.length(3);
      answer = (_, __, response) => response.write("0x"); // a byte now and then, for ever
      expect(await refusal(() => signer.sign(PREIMAGE))).to.contain("within 250 ms");
    });

    it("refuses a signature of another key, of other data, and rubbish", async () => {
      const signer = await open();
      const answers: [string | Buffer, RegExp][] = [
        [sign("0x01"), /^Key_WrongSignature/],
        [OTHER.sign(keccak256(PREIMAGE)).serialized, /^Key_WrongSignature/],
        [`0x${"00".repeat(65)}`, /^Key_BadSignature/],
        [`0x${"ff".repeat(65)}`, /^Key_BadSignature/],
        [`0x${"01".repeat(64)}`, /^Key_BadSignature/],
        ["", /^Key_BadSignature/],
        ["<html>", /^Key_BadSignature/],
        ["x".repeat(5_000), /^Url_TooLong/],
      ];
      for (const [text, expected] of answers) {
        answer = (_, __, response) => response.end(text);
        expect(await refusal(() => signer.sign(PREIMAGE)), String(text).slice(0, 20)).to.match(expected);
      }
    });

    it("S11: follows no redirect", async () => {
      const signer = await open();
      answer = (_, __, response) =>
        response.writeHead(307, { location: `${url}/api/v1/eth1/sign/${PUBLIC_KEY}` }).end();
      expect(await refusal(() => signer.sign(PREIMAGE))).to.contain("status 307");
    });

    it("refuses an address that is not listed, a list that is none, and no address", async () => {
      expect(await refusal(() => open(`address=${new Wallet(`0x${"13".repeat(32)}`).address}`))).to.match(
        /^Key_NotFound/,
      );
      for (const text of ["{}", "nonsense", "null"]) {
        answer = (_, __, response) => response.end(text);
        expect(await refusal(() => open())).to.match(/^Key_BadAnswer/);
      }
      answer = (_, __, response) =>
        response.end(JSON.stringify([1, null, "0x12", `${PUBLIC_KEY}/../x`, `0x${"ff".repeat(64)}`]));
      expect(await refusal(() => open())).to.match(/^Key_NotFound/);
      expect(await refusal(() => open("address=0x12"))).to.match(/^Config_Key/);
    });

    it("S13: is https but on loopback, and holds no password in its URL", async () => {
      for (const at of ["http://signer.example:9000", "http://10.0.0.1", "http://127.0.0.1.example"])
        expect(await refusal(() => open(undefined, at))).to.match(/^Url_NotSecure/);
      expect(await refusal(() => open(undefined, `http://u:${TOKEN}@127.0.0.1`))).to.match(/^Url_Bad/);
      expect(await refusal(() => open(undefined, "nonsense"))).to.match(/^Url_Bad/);
    });

    it("S13: sends the token of its file, which only its owner may read, and tells it to nobody", async () => {
      const file = folder.write("token", `${TOKEN}\n`);
      const signer = await open(`address=${ADDRESS}&token-file=${file}`);
      await signer.sign(PREIMAGE);
      expect(asked.every((line) => line.endsWith(`Bearer ${TOKEN}`))).to.equal(true);
      answer = (request, _, response) => response.writeHead(401).end(request.headers.authorization);
      expect(await refusal(() => signer.sign(PREIMAGE))).to.contain("status 401");
      const shown = folder.write("shown", TOKEN, 0o644);
      expect(await refusal(() => open(`address=${ADDRESS}&token-file=${shown}`))).to.contain("mode 0644");
    });
  });

  describe("a key management service", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
    const spki = publicKey.export({ type: "spki", format: "der" });
    const scalar = Buffer.from(privateKey.export({ format: "jwk" }).d!, "base64url");
    const key = new SigningKey(scalar);
    const word = (hex: string) => {
      const bytes = [...Buffer.from(hex.slice(2).replace(/^(00)+/, ""), "hex")];
      return bytes[0]! >= 128 ? [0, ...bytes] : bytes;
    };
    /** As a service answers: DER, and s as it comes. */
    const der = (r: string, s: string) => {
      const [a, b] = [word(r), word(s)];
      return Uint8Array.from([48, a.length + b.length + 4, 2, a.length, ...a, 2, b.length, ...b]);
    };
    const service = (isHigh: boolean) => ({
      publicKey: spki,
      signDigest: (digest: Uint8Array) => {
        const { r, s } = key.sign(digest);
        const high = `0x${(SECP256K1_ORDER - BigInt(s)).toString(16).padStart(64, "0")}`;
        return Promise.resolve(der(r, isHigh ? high : s));
      },
    });

    it("signs by a DER public key and DER signatures, with high or low s", async () => {
      for (const isHigh of [false, true]) {
        const signer = externalSigner(service(isHigh), "the service");
        expect(signer.address).to.equal(new Wallet(key).address);
        for (let i = 0; i < 20; i++) {
          const preimage = PREIMAGE.with(0, i);
          expect(signerOf(preimage, await signer.sign(preimage))).to.equal(signer.address);
        }
      }
    });

    it("reads the DER that OpenSSL writes", () => {
      for (let i = 0; i < 50; i++) {
        const signature = createSign("sha256").update(String(i)).sign(privateKey);
        const { r, s } = parseEcdsa(signature, SECP256K1_ORDER, "it");
        const [a, b] = [r, s].map((value) => `0x${value.toString(16).padStart(64, "0")}`) as [string, string];
        const high = `0x${(SECP256K1_ORDER - s).toString(16).padStart(64, "0")}`;
        expect([Buffer.from(der(a, b)), Buffer.from(der(a, high))]).to.deep.include(signature);
      }
    });

    it("refuses DER that is not the one form, and values out of range", async () => {
      const good = der(`0x${"7f".repeat(32)}`, `0x${"01".repeat(32)}`);
      parseEcdsa(good, SECP256K1_ORDER, "it");
      const bad = [
        good.with(0, 49),
        good.with(1, good.length - 1),
        good.with(2, 3),
        good.with(3, 33),
        good.with(4, 0x80),
        good.subarray(0, -1),
        Uint8Array.from([...good, 0]),
        new Uint8Array(0),
        Uint8Array.from([48, 4, 2, 0, 2, 0]),
        Uint8Array.from([48, 8, 2, 2, 0, 1, 2, 2, 0, 1]),
        Uint8Array.from([48, 6, 2, 1, 0, 2, 1, 1]),
        der(`0x${SECP256K1_ORDER.toString(16)}`, "0x01"),
        new Uint8Array(64),
      ];
      for (const bytes of bad)
        expect((await failureOf(() => parseEcdsa(bytes, SECP256K1_ORDER, "it"))).code, String(bytes)).to.equal(
          "Key_BadSignature",
        );
    });

    it("refuses a public key of another curve or none, and another key's signature", async () => {
      const p256 = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey.export({
        type: "spki",
        format: "der",
      });
      for (const bytes of [p256, Buffer.from("no"), Buffer.alloc(65, 4)]) {
        const failure = await failureOf(() => externalSigner({ ...service(false), publicKey: bytes }, "the service"));
        expect(failure.code).to.equal("Key_BadPublicKey");
      }
      const own = getBytes(KEY.publicKey);
      const failure = await failureOf(() =>
        externalSigner({ ...service(false), publicKey: own }, "the service").sign(PREIMAGE),
      );
      expect(failure.code).to.equal("Key_WrongSignature");
    });

    it("opens as module:FILE, and says nothing of what the module throws", async () => {
      const source = (body: string) => `export default async () => { ${body} }`;
      const good = `const { SigningKey } = await import(${JSON.stringify(import.meta.resolve("ethers"))});
        const key = new SigningKey("${KEY.privateKey}");
        return { publicKey: Buffer.from(key.publicKey.slice(2), "hex"), async signDigest(digest) {
          const { r, s } = key.sign(digest); return Buffer.from(r.slice(2) + s.slice(2), "hex"); } };`;
      const signer = await openSigner(`module:${folder.write("good.mjs", source(good))}`, PRODUCTION);
      expect(signerOf(PREIMAGE, await signer.sign(PREIMAGE))).to.equal(ADDRESS);
      const bad = folder.write("bad.mjs", source(`throw new Error("credential ${TOKEN}")`));
      const failure = await failureOf(() => openSigner(`module:${bad}`, PRODUCTION));
      expect([failure.code, failure.message.includes(TOKEN)]).to.deep.equal(["Key_Module", false]);
      const open = folder.write("open.mjs", source(good), 0o666);
      expect((await failureOf(() => openSigner(`module:${open}`, PRODUCTION))).code).to.equal("Key_FileOpen");
      expect((await failureOf(() => openSigner(`module:${open}.none`, PRODUCTION))).code).to.equal("Key_Unreadable");
    });
  });

  describe("a gas key as ethers takes it", () => {
    const gas = new GasSigner(memorySigner(KEY));
    const wallet = new Wallet(KEY);
    const transaction = {
      type: 2,
      chainId: 31_337n,
      nonce: 4,
      to: ADDRESS,
      data: "0x1234",
      gasLimit: 50_000n,
      value: 5n,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 3n,
    };

    it("signs transactions to the bytes that a wallet signs", async () => {
      const signed = await gas.signTransaction({ ...transaction, from: ADDRESS });
      expect(signed).to.equal(await wallet.signTransaction(transaction));
      expect(Transaction.from(signed).from).to.equal(ADDRESS);
      const { to: _, ...creation } = transaction;
      expect(await gas.signTransaction(creation)).to.equal(await wallet.signTransaction(creation));
    });

    it("signs messages and typed data", async () => {
      expect(verifyMessage("words", await gas.signMessage("words"))).to.equal(ADDRESS);
      const typed = [{ name: "D" }, { T: [{ name: "a", type: "uint256" }] }, { a: 5n }] as const;
      const types = { T: [...typed[1].T] };
      expect(verifyTypedData(typed[0], types, typed[2], await gas.signTypedData(typed[0], types, typed[2]))).to.equal(
        ADDRESS,
      );
      expect(Signature.from(await gas.signMessage(new Uint8Array(3))).isValid()).to.equal(true);
    });

    it("refuses a transaction of another sender", async () => {
      const failure = await failureOf(() => gas.signTransaction({ ...transaction, from: `0x${"11".repeat(20)}` }));
      expect(failure.code).to.equal("Key_WrongSender");
    });
  });

  it("S13: production mode takes no key from the environment", async () => {
    const failure = await failureOf(() => openSigner(`plain:${KEY.privateKey}`, PRODUCTION));
    expect(failure.code).to.equal("Config_PlainKey");
    expect((await openSigner(`plain:${KEY.privateKey}`, DEVELOPMENT)).address).to.equal(ADDRESS);
  });
});
