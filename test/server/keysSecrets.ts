import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { expect } from "chai";

import { loadConfig } from "../../server/config.ts";
import { keyMaterialIn } from "../../server/production.ts";
import { ADDRESS, KEY, PASSWORD, failureOf, keyFolder } from "./keyBench.ts";

const MODULE = "/usr/lib/softhsm/libsofthsm2.so";
const PIN = "58203914";
const TOKEN = "bearer-that-nobody-may-see";
const MNEMONIC = "test test test test test test test test test test test junk";
const SERVER = new URL("../../server/", import.meta.url).href;

/** A program that opens a key as the oracle does, signs, and then fails in every way a program can fail. */
const PROGRAM = `
  import { inspect } from "node:util";
  import { Registry, Gauge } from "${import.meta.resolve("prom-client")}";
  import pino from "${import.meta.resolve("pino")}";
  import { loadConfig } from "${SERVER}config.ts";
  import { openSigner } from "${SERVER}keys/signer.ts";
  import { markedSigner } from "${SERVER}keys/marks.ts";
  const log = pino({ level: "trace" }, pino.destination({ dest: 2, sync: true }));
  const registry = new Registry();
  const { uris, markFile } = JSON.parse(await new Promise((done) => process.stdin.once("data", (text) => done(String(text)))));
  const rules = { isProduction: loadConfig(process.env).mode === "production" };
  let signer;
  for (const uri of uris) {
    try {
      signer = await openSigner(uri, rules, "RACKBOND_REPORT_KEY");
      new Gauge({ name: "rackbond_signer" + uris.indexOf(uri), help: "h", labelNames: ["address"], registers: [registry] }).set({ address: signer.address }, 1);
      const marked = markedSigner(signer, markFile + uris.indexOf(uri));
      await marked.signReport({ configCount: 1n, epoch: 2n, kind: 0, preimage: new Uint8Array(66) });
      await marked.signReport({ configCount: 1n, epoch: 1n, kind: 0, preimage: new Uint8Array(66) });
    } catch (error) {
      log.error({ err: error, signer }, "refused");
      console.error(error, String(error), error.stack, inspect(signer, { depth: 9, showHidden: true }), JSON.stringify(error, (_, value) => typeof value === "bigint" ? String(value) : value));
    } finally {
      await signer?.close();
    }
  }
  console.log(await registry.metrics());
  const report = process.report.getReport();
  console.log(JSON.stringify({ ...report, sharedObjects: [] }));
  process.stdout.write("READY\\n");
  process.stdin.once("end", () => { throw Object.assign(new Error("the end"), { signer }); });
`;

describe("S13: secrets", function () {
  this.timeout(20_000);
  const folder = keyFolder();
  let remote: Server;
  after(() => {
    remote.closeAllConnections();
    remote.close();
    folder.remove();
  });

  it("of every source are in no log, error, metric, crash report, environment or command line", async () => {
    const keystore = await folder.keystore();
    const password = folder.write("password", PASSWORD);
    const wrong = folder.write("wrong", `${PASSWORD}X`);
    const token = folder.write("token", TOKEN);
    let isHonest = true;
    remote = createServer((request, response) => {
      const isList = request.url?.endsWith("publicKeys") === true;
      if (isList && isHonest) response.end(JSON.stringify([`0x${KEY.publicKey.slice(4)}`]));
      else response.writeHead(400).end(`you sent ${request.headers.authorization}`);
      isHonest = isList;
    });
    await new Promise<void>((resolve) => remote.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(remote.address() as AddressInfo).port}`;
    const web3signer = `web3signer:${url}?address=${ADDRESS}&token-file=${token}`;
    const uris = [
      `keystore:${keystore}?password-file=${password}`,
      `keystore:${keystore}?password-file=${wrong}`,
      `keystore:${folder.write("bad.json", readFileSync(keystore, "utf8").replace('"kdf":', '"kdx":'))}?password-file=${password}`,
      `keystore:${keystore}?password-file=${folder.write("open", PASSWORD, 0o644)}`,
      `keystore:${keystore}?password=${encodeURIComponent(PASSWORD)}`,
      ...[web3signer, web3signer, `web3signer:http://user:${TOKEN}@127.0.0.1?address=${ADDRESS}`],
      ...[`plain:${KEY.privateKey}`, `plain:${KEY.privateKey}0`, `plane:${KEY.privateKey}`, KEY.privateKey, MNEMONIC],
      `module:${folder.write("throws.mjs", `export default () => { throw new Error("${TOKEN}"); };`)}`,
      ...tokenUris(),
    ];
    const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], {
      env: { PATH: process.env.PATH, RACKBOND_MODE: "production", SOFTHSM2_CONF: join(folder.path, "softhsm2.conf") },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stdin.write(JSON.stringify({ uris, markFile: join(folder.path, "mark") }));
    const closed = once(child, "close");
    while (!output.includes("READY\n") && child.exitCode === null)
      await Promise.race([once(child.stdout, "data"), closed]);
    expect(child.exitCode, output).to.equal(null);
    const inspected = ["environ", "cmdline"].map((name) => readFileSync(`/proc/${child.pid}/${name}`, "latin1")).join();
    child.stdin.end();
    expect((await closed)[0]).to.equal(1);

    expect(output).to.contain("rackbond_signer0").and.to.contain("Signer_BelowMark").and.to.contain("the end");
    expect(output).to.contain("Key_WrongPassword").and.to.contain("Config_PlainKey").and.to.contain("Key_Module");
    expect(output).to.contain("status 400");
    if (existsSync(MODULE))
      expect(output)
        .to.contain("Key_PinRefused")
        .and.to.contain(`rackbond_signer${uris.length - 2}`);
    const scalar = KEY.privateKey.slice(2);
    const secrets = [
      scalar,
      BigInt(KEY.privateKey).toString(),
      Buffer.from(scalar, "hex").toString("base64"),
      PASSWORD,
      encodeURIComponent(PASSWORD),
      TOKEN,
      PIN,
      MNEMONIC,
    ];
    for (const [name, text] of Object.entries({ output, inspected }))
      for (const secret of secrets)
        expect(text.toLowerCase().includes(secret.toLowerCase()), `${name}: ${secret}`).to.equal(false);
  });

  /** A key of a SoftHSM2 token, with the right PIN and a wrong one; none where it is not installed. */
  function tokenUris(): string[] {
    if (!existsSync(MODULE) || !existsSync("/usr/bin/pkcs11-tool")) return [];
    const tokens = join(folder.path, "tokens");
    mkdirSync(tokens);
    const conf = folder.write("softhsm2.conf", `directories.tokendir = ${tokens}\nlog.level = ERROR\n`);
    const env = { ...process.env, SOFTHSM2_CONF: conf };
    const init = ["--init-token", "--free", "--label", "secrets", "--pin", PIN, "--so-pin", "11112222"];
    execFileSync("softhsm2-util", init, { env, stdio: "pipe" });
    const generate = ["--keypairgen", "--key-type", "EC:secp256k1", "--label", "report", "--id", "01"];
    const login = ["--module", MODULE, "--token-label", "secrets", "--login", "--pin", PIN];
    execFileSync("pkcs11-tool", [...login, ...generate], { env, stdio: "pipe" });
    const uri = (pin: string) => `pkcs11:token=secrets;object=report?module-path=${MODULE}&pin-source=file:${pin}`;
    return [uri(folder.write("pin", PIN)), uri(folder.write("wrong-pin", `${PIN}9`))];
  }

  describe("production mode", () => {
    const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----";
    const bad: Record<string, string> = {
      RACKBOND_REPORT_KEY: `plain:${KEY.privateKey}`,
      RACKBOND_GAS_KEY: KEY.privateKey,
      RACKBOND_PASSWORD: PASSWORD,
      RACKBOND_TOKEN_PIN: PIN,
      PRIVATE_KEY: KEY.privateKey.slice(2),
      DEPLOYER_KEY: KEY.privateKey.toUpperCase().replace("0X", "0x"),
      MNEMONIC,
      NODE_KEY_PEM: pem,
      ANYTHING: pem,
    };

    it("refuses key material in any variable, named but not repeated", async () => {
      for (const [name, value] of Object.entries(bad)) {
        const failure = await failureOf(() => loadConfig({ RACKBOND_MODE: "production", [name]: value }));
        expect(failure.code).to.equal("Config_Invalid");
        expect(failure.message).to.contain(`${name} holds key material`);
        expect(failure.message).not.to.contain(value);
      }
      expect(keyMaterialIn(bad)).to.have.length(Object.keys(bad).length);
    });

    it("lets pass what is no key", () => {
      const good = {
        ...{
          PATH: "/usr/bin",
          IMAGE_DIGEST: `sha256:${"ab".repeat(32)}`,
          SSH_AUTH_SOCK: "/run/ssh",
          INVOCATION_ID: "a".repeat(32),
        },
        ...{ RACKBOND_REPORT_KEY: "keystore:/etc/key.json?password-file=/run/pw", RACKBOND_PASSWORD_FILE: "/run/pw" },
        ...{ LESS_TERMCAP_key: "bold", KEY_ID: "0x1234", SIGNER: ADDRESS, MAIL: undefined, EMPTY_KEY: "" },
      };
      expect(keyMaterialIn(good)).to.deep.equal([]);
    });

    it("is chosen by a setting, and development is the default", () => {
      expect(loadConfig({}).mode).to.equal("development");
      expect(loadConfig({ RACKBOND_MODE: "production" }).mode).to.equal("production");
      expect(() => loadConfig({ RACKBOND_MODE: "prod" })).to.throw("development | production");
    });
  });
});
