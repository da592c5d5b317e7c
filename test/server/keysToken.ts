import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { expect } from "chai";
import type * as Pkcs11 from "pkcs11js";

import { isSignedBy, keyOf } from "../../server/nodekey.ts";
import { openNodeSigner } from "../../server/keys/nodeSigner.ts";
import { openSigner } from "../../server/keys/signer.ts";
import { PRODUCTION, failureOf, keyFolder, signerOf } from "./keyBench.ts";

const MODULE = "/usr/lib/softhsm/libsofthsm2.so";
const PIN = "739204";
const SO_PIN = "88112233";
const PREIMAGE = new Uint8Array(66).fill(9);

describe("keys in a PKCS#11 token (SoftHSM2)", function () {
  this.timeout(20_000);
  const folder = keyFolder();
  const before_ = process.env.SOFTHSM2_CONF;
  let pinFile: string;

  const tool = (...args: string[]) => {
    execFileSync("pkcs11-tool", ["--module", MODULE, ...args], { stdio: "pipe", timeout: 20_000 });
  };
  const generate = (label: string, id: string, curve: string) =>
    tool(
      ...["--token-label", "oracle", "--login", "--pin", PIN, "--keypairgen", "--key-type", `EC:${curve}`],
      ...["--label", label, "--id", id],
    );

  before(function () {
    if (!existsSync(MODULE) || !existsSync("/usr/bin/pkcs11-tool")) this.skip();
    const tokens = join(folder.path, "tokens");
    execFileSync("mkdir", [tokens]);
    const conf = folder.write(
      "softhsm2.conf",
      `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    );
    process.env.SOFTHSM2_CONF = conf;
    execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "oracle", "--pin", PIN, "--so-pin", SO_PIN]);
    generate("report", "01", "secp256k1");
    generate("node", "02", "prime256v1");
    generate("twin", "03", "secp256k1");
    generate("twin", "04", "secp256k1");
    pinFile = folder.write("pin", `${PIN}\n`);
  });
  after(() => {
    if (before_ === undefined) delete process.env.SOFTHSM2_CONF;
    else process.env.SOFTHSM2_CONF = before_;
    folder.remove();
  });

  const uri = (place: string, pin = pinFile) => `pkcs11:${place}?module-path=${MODULE}&pin-source=file:${pin}`;
  const refusal = async (text: string) => {
    const { code, message, stack } = await failureOf(() => openSigner(text, PRODUCTION));
    expect(`${message} ${stack}`).not.to.contain(PIN);
    return `${code}: ${message}`;
  };
  /** The module as another user of it in this process sees it: what it does to sessions happens to all. */
  const module = () => {
    const library = createRequire(import.meta.url)("pkcs11js") as typeof Pkcs11;
    const api = new library.PKCS11();
    api.load(MODULE);
    return { library, api, slot: api.C_GetSlotList(true)[0]! };
  };

  it("a report key signs keccak256, low s, and recovers to its address", async () => {
    const signer = await openSigner(uri("token=oracle;object=report"), PRODUCTION);
    for (let i = 0; i < 20; i++) {
      const preimage = PREIMAGE.with(0, i);
      expect(signerOf(preimage, await signer.sign(preimage))).to.equal(signer.address);
    }
    const byId = await openSigner(uri("token=oracle;id=%01"), PRODUCTION);
    expect(byId.address).to.equal(signer.address);
    await Promise.all([signer.close(), byId.close()]);
  });

  it("signatures asked for at once are all made", async () => {
    const signer = await openSigner(uri("token=oracle;object=report"), PRODUCTION);
    const preimages = Array.from({ length: 16 }, (_, i) => PREIMAGE.with(0, i));
    const signatures = await Promise.all(preimages.map((preimage) => signer.sign(preimage)));
    signatures.forEach((signature, i) => expect(signerOf(preimages[i]!, signature)).to.equal(signer.address));
    await signer.close();
  });

  it("a node key signs readings that verify under its point, low s", async () => {
    const signer = await openNodeSigner(uri("token=oracle;object=node"), PRODUCTION);
    for (let i = 10; i < 30; i++) {
      const hash = `0x${i.toString(16).repeat(32)}` as const;
      expect(isSignedBy(keyOf(signer.point), hash, await signer.sign(hash))).to.equal(true);
    }
    await signer.close();
  });

  describe("a lost session", () => {
    it("is logged in again: closed by the token, logged out, module ended by someone else", async () => {
      const signer = await openSigner(uri("token=oracle;object=report"), PRODUCTION);
      const faults = [
        () => module().api.C_CloseAllSessions(module().slot),
        () => {
          const { api, library, slot } = module();
          const session = api.C_OpenSession(slot, library.CKF_SERIAL_SESSION);
          api.C_Logout(session);
          api.C_CloseSession(session);
        },
        () => module().api.C_Finalize(),
      ];
      for (const fault of faults) {
        fault();
        expect(signerOf(PREIMAGE, await signer.sign(PREIMAGE)), String(fault)).to.equal(signer.address);
      }
      await signer.close();
    });

    it("with a PIN that is refused now is not tried again and again: a token locks itself", async () => {
      const pin = folder.write("changing", PIN);
      const signer = await openSigner(uri("token=oracle;object=report", pin), PRODUCTION);
      writeFileSync(pin, "000000");
      module().api.C_CloseAllSessions(module().slot);
      const first = await failureOf(() => signer.sign(PREIMAGE));
      expect(first.code).to.equal("Key_PinRefused");
      writeFileSync(pin, PIN);
      expect(await failureOf(() => signer.sign(PREIMAGE))).to.equal(first);
      await signer.close();
    });

    it("that finds another key under the name signs nothing", async () => {
      generate("fleeting", "09", "secp256k1");
      const signer = await openSigner(uri("token=oracle;object=fleeting"), PRODUCTION);
      const remove = (type: string) =>
        tool(
          "--token-label",
          "oracle",
          "--login",
          "--pin",
          PIN,
          "--delete-object",
          "--type",
          type,
          "--label",
          "fleeting",
        );
      remove("privkey");
      remove("pubkey");
      generate("fleeting", "09", "secp256k1");
      module().api.C_CloseAllSessions(module().slot);
      expect((await failureOf(() => signer.sign(PREIMAGE))).code).to.equal("Key_Changed");
      await signer.close();
      remove("privkey");
      remove("pubkey");
    });

    it("that finds the token gone says so, and signs when it is back", async () => {
      const signer = await openSigner(uri("token=oracle;object=report"), PRODUCTION);
      const conf = process.env.SOFTHSM2_CONF;
      process.env.SOFTHSM2_CONF = folder.write("empty.conf", `directories.tokendir = ${folder.path}/none\n`);
      module().api.C_Finalize();
      expect((await failureOf(() => signer.sign(PREIMAGE))).code).to.match(/Key_(TokenAway|NoToken)/);
      process.env.SOFTHSM2_CONF = conf;
      try {
        module().api.C_Finalize();
      } catch {
        // It did not come up with no tokens.
      }
      expect(signerOf(PREIMAGE, await signer.sign(PREIMAGE))).to.equal(signer.address);
      await signer.close();
    });
  });

  describe("refuses", () => {
    it("a label that is not there, a token that is not there, two keys of one label", async () => {
      expect(await refusal(uri("token=oracle;object=other"))).to.match(/^Key_NotFound: .*no such private key/);
      expect(await refusal(uri("token=other;object=report"))).to.match(/^Key_NoToken/);
      expect(await refusal(uri("token=oracle;object=twin"))).to.match(/^Key_Ambiguous: .*add id=/);
      const one = await openSigner(uri("token=oracle;object=twin;id=%04"), PRODUCTION);
      await one.close();
    });

    it("a key of the other curve", async () => {
      expect(await refusal(uri("token=oracle;object=node"))).to.contain("is not a key of secp256k1");
      const failure = await failureOf(() => openNodeSigner(uri("token=oracle;object=report"), PRODUCTION));
      expect(failure.message).to.contain("is not a key of P-256");
    });

    it("S13: a wrong PIN, a PIN that others may read, one in the URI, none", async () => {
      expect(await refusal(uri("token=oracle;object=report", folder.write("wrong", "111111")))).to.match(
        /^Key_PinRefused/,
      );
      expect(await refusal(uri("token=oracle;object=report", folder.write("open", PIN, 0o644)))).to.contain(
        "mode 0644",
      );
      expect(await refusal(`pkcs11:token=oracle;object=report?module-path=${MODULE}&pin-value=${PIN}`)).to.match(
        /^Config_Key/,
      );
      expect(await refusal(`pkcs11:token=oracle;object=report?module-path=${MODULE}`)).to.contain("pin-source");
    });

    it("a module that is none, and a URI without a token, a key or a module", async () => {
      const bad = folder.write("no.so", "no library");
      expect(await refusal(`pkcs11:token=a;object=b?module-path=${bad}&pin-source=file:${pinFile}`)).to.match(
        /^Key_NoModule/,
      );
      expect(await refusal(uri("object=report"))).to.contain("needs token=");
      expect(await refusal(uri("token=oracle"))).to.contain("object= or id=");
      expect(await refusal(uri("token=oracle;object=a;slot=1"))).to.contain("attributes are");
      expect(await refusal(uri("token=oracle;id=01"))).to.contain("%XX");
      expect(await refusal(`pkcs11:token=oracle;object=report?pin-source=file:${pinFile}`)).to.contain("module-path");
      rmSync(bad);
    });
  });
});
