import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";

import { expect } from "chai";
import { SigningKey } from "ethers";

import { isSignedBy, keyOf, pointOf } from "../../server/nodekey.ts";
import { openNodeSigner } from "../../server/keys/nodeSigner.ts";
import { openSigner } from "../../server/keys/signer.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { ADDRESS, DEVELOPMENT, KEY, PASSWORD, PRODUCTION, failureOf, keyFolder, signerOf } from "./keyBench.ts";

const PREIMAGE = new Uint8Array(66).fill(7);

describe("keys", () => {
  const folder = keyFolder();
  let keystore: string;
  let password: string;
  before(async () => {
    keystore = await folder.keystore();
    password = folder.write("password", `${PASSWORD}\n`);
  });
  after(() => folder.remove());

  /** What opening ends with; the message holds neither the key nor the password. */
  const refusal = async (uri: string, rules: typeof DEVELOPMENT & { passwordFile?: string } = DEVELOPMENT) => {
    const { code, message, stack, cause } = await failureOf(() => openSigner(uri, rules));
    for (const secret of [PASSWORD, KEY.privateKey.slice(2)])
      expect(`${message} ${stack} ${String(cause)}`).not.to.contain(secret);
    return `${code}: ${message}`;
  };

  describe("plain:", () => {
    it("signs keccak256 of the preimage, 64 bytes with low s", async () => {
      const signer = await openSigner(`plain:${KEY.privateKey}`, DEVELOPMENT);
      expect(signer.address).to.equal(ADDRESS);
      for (let i = 0; i < 8; i++) {
        const preimage = PREIMAGE.with(3, i);
        expect(signerOf(preimage, await signer.sign(preimage))).to.equal(ADDRESS);
      }
    });

    it("S13: is refused in production mode, without a word of the key", async () => {
      expect(await refusal(`plain:${KEY.privateKey}`, PRODUCTION)).to.contain("Config_PlainKey");
    });

    it("refuses what is no key, without repeating it", async () => {
      const order = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
      for (const text of [KEY.privateKey.slice(2), `${KEY.privateKey}0`, `0x${"0".repeat(64)}`, order, "0xzz"])
        expect(await refusal(`plain:${text}`)).to.match(/^Config_Key/);
      expect(await refusal(KEY.privateKey)).to.contain("not of a known form");
      expect(await refusal(`plane:${KEY.privateKey}`)).to.contain("not of a known form");
    });
  });

  describe("keystore:", () => {
    it("opens with the password of its file, in production mode too", async () => {
      const signer = await openSigner(`keystore:${keystore}?password-file=${password}`, PRODUCTION);
      expect(signer.address).to.equal(ADDRESS);
      expect(signerOf(PREIMAGE, await signer.sign(PREIMAGE))).to.equal(ADDRESS);
      const other = await openSigner(`keystore:${keystore}`, { ...PRODUCTION, passwordFile: password });
      expect(other.address).to.equal(ADDRESS);
    });

    it("refuses a wrong password, an empty one, and none", async () => {
      const wrong = folder.write("wrong", "another");
      expect(await refusal(`keystore:${keystore}?password-file=${wrong}`)).to.contain("Key_WrongPassword");
      const empty = folder.write("empty", "\n");
      expect(await refusal(`keystore:${keystore}?password-file=${empty}`)).to.contain("is empty");
      expect(await refusal(`keystore:${keystore}`)).to.contain("RACKBOND_PASSWORD_FILE");
    });

    it("S13: refuses a password or a keystore that others may read", async () => {
      const open = folder.write("open", PASSWORD, 0o640);
      expect(await refusal(`keystore:${keystore}?password-file=${open}`)).to.contain("mode 0640");
      const shown = folder.write("shown.json", readFileSync(keystore, "utf8"), 0o604);
      expect(await refusal(`keystore:${shown}?password-file=${password}`)).to.contain("mode 0604");
    });

    it("refuses a file that is missing, a folder, too long, or no keystore", async () => {
      const at = (file: string) => refusal(`keystore:${file}?password-file=${password}`);
      expect(await at(`${keystore}.none`)).to.contain("ENOENT");
      expect(await at(folder.path)).to.contain("no plain file");
      expect(await at(folder.write("long.json", "x".repeat(70_000)))).to.contain("70000 bytes");
      for (const text of ["{", "[]", "null", '{"version":4}', '{"version":3,"crypto":{"kdf":"none"}}'])
        expect(await at(folder.write("bad.json", text)), text).to.contain("Key_BadKeystore");
    });

    it("refuses scrypt parameters that would take the memory of the machine, and a damaged or other key's file", async () => {
      const change = (from: RegExp, to: string) => {
        const text = readFileSync(keystore, "utf8");
        expect(text).to.match(from);
        return refusal(`keystore:${folder.write("bad.json", text.replace(from, to))}?password-file=${password}`);
      };
      expect(await change(/"n":1024/, '"n":1099511627776')).to.contain("out of bounds");
      expect(await change(/"p":1\b/, '"p":1000000')).to.contain("out of bounds");
      expect(await change(/"mac":"../, '"mac":"zz')).to.match(/Key_(BadKeystore|WrongPassword)/);
      expect(await change(/"address":"[0-9a-f]{4}/, '"address":"0000')).to.contain("Key_BadKeystore");
    });

    it("refuses options that it does not know, and one twice", async () => {
      expect(await refusal(`keystore:${keystore}?password=${PASSWORD.split(" ")[0]}`)).to.contain(
        "options of keystore:",
      );
      const twice = `keystore:${keystore}?password-file=${password}&password-file=${password}`;
      expect(await refusal(twice)).to.contain("each once");
    });
  });

  describe("node keys", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const hash: Hex = `0x${"ab".repeat(32)}`;
    const nodeRefusal = async (uri: string) => (await failureOf(() => openNodeSigner(uri, DEVELOPMENT))).message;

    it("sign readings out of a PEM file, plain or encrypted, so that the public point verifies them", async () => {
      const plain = folder.write("node.pem", privateKey.export({ type: "sec1", format: "pem" }));
      const cipher = { cipher: "aes-256-cbc", passphrase: PASSWORD };
      const locked = folder.write("locked.pem", privateKey.export({ type: "pkcs8", format: "pem", ...cipher }));
      for (const uri of [`pem:${plain}`, `pem:${locked}?password-file=${password}`]) {
        const signer = await openNodeSigner(uri, PRODUCTION);
        expect(signer.point).to.deep.equal(pointOf(publicKey));
        expect(isSignedBy(keyOf(signer.point), hash, await signer.sign(hash))).to.equal(true);
      }
      expect(await nodeRefusal(`pem:${locked}`)).to.contain("is encrypted");
      const wrong = folder.write("wrong", "another");
      expect(await nodeRefusal(`pem:${locked}?password-file=${wrong}`)).to.contain("does not open it");
    });

    it("refuse another curve, another kind, a damaged file, and one that others may read", async () => {
      const pem = (name: string, key: typeof privateKey, mode?: number) =>
        folder.write(name, key.export({ type: "pkcs8", format: "pem" }), mode);
      const koblitz = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
      expect(await nodeRefusal(`pem:${pem("k.pem", koblitz)}`)).to.contain("a key of secp256k1; P-256 is needed");
      const edwards = generateKeyPairSync("ed25519").privateKey;
      expect(await nodeRefusal(`pem:${pem("e.pem", edwards)}`)).to.contain("a key of ed25519");
      expect(await nodeRefusal(`pem:${folder.write("d.pem", "-----BEGIN")}`)).to.contain("damaged");
      expect(await nodeRefusal(`pem:${pem("o.pem", privateKey, 0o644)}`)).to.contain("mode 0644");
    });
  });

  it("signatures of a key with high parity and low parity both recover", async () => {
    const parities = new Set<boolean>();
    for (let i = 1; i < 40; i++) {
      const key = new SigningKey(`0x${i.toString(16).padStart(64, "0")}`);
      const signature = await (await openSigner(`plain:${key.privateKey}`, DEVELOPMENT)).sign(PREIMAGE);
      signerOf(PREIMAGE, signature);
      parities.add(Number.parseInt(signature.slice(66, 68), 16) >= 128);
    }
    expect(parities.size).to.equal(2);
  });
});
