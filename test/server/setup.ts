import { expect } from "chai";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

// The setup step in a project of its own, with programs on its search path that do as the test says.

// npm and npx: note how they were called; then fail as told, or lay the packages down as told.
const NPM = `#!/bin/sh
echo "$(basename "$0") $*" >> "$PROJECT/calls"
mkdir -p node_modules/.bin
touch node_modules/begun
if [ -n "$NPM_SLEEP" ]; then sleep "$NPM_SLEEP"; echo slept >> "$PROJECT/calls"; fi
if [ -n "$NPM_ERROR" ]; then echo "npm error $NPM_ERROR" >&2; exit 1; fi
if [ -n "$NPM_KILLED" ]; then kill -9 $$; fi
if [ -z "$NO_NODE" ]; then ln -sf "$REAL_NODE" node_modules/.bin/node; fi
if [ -z "$NO_EVM" ]; then
  mkdir -p node_modules/@nomicfoundation/edr && echo "" > node_modules/@nomicfoundation/edr/index.js
fi
printf '#!/bin/sh\\necho "hardhat $*" >> "$PROJECT/calls"\\n%s' \\
  'if [ -n "$BUILD_ERROR" ]; then echo "$BUILD_ERROR" >&2; exit 1; fi; mkdir -p artifacts types' > node_modules/.bin/hardhat
printf '#!/bin/sh\\necho "vite $*" >> "$PROJECT/calls"\\n%s' \\
  'if [ -n "$PORTAL_ERROR" ]; then echo "$PORTAL_ERROR" >&2; exit 1; fi; mkdir -p web/dist; touch web/dist/index.html' \\
  > node_modules/.bin/vite
chmod +x node_modules/.bin/hardhat node_modules/.bin/vite
`;

const CI = "ci --include=dev --include=optional --no-audit --no-fund --no-progress";

describe("setup", () => {
  let project: string;

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "rackbond-setup-"));
    for (const folder of ["scripts", "contracts/a", "server/protocol", "web", "tools"])
      mkdirSync(join(project, folder), { recursive: true });
    copyFileSync(new URL("../../scripts/setup.mjs", import.meta.url), join(project, "scripts", "setup.mjs"));
    write("package.json", JSON.stringify({ dependencies: { node: "24.21.0" } }));
    write("package-lock.json", "{}");
    write("hardhat.config.ts", "");
    write("vite.config.ts", "");
    write("web/portal.tsx", "");
    write("contracts/a/A.sol", "contract A {}");
    for (const name of ["npm", "npx"]) tool(name, NPM);
    symlinkSync(process.execPath, join(project, "tools", "node"));
  });

  afterEach(() => rmSync(project, { recursive: true, force: true }));

  const write = (name: string, content: string) => writeFileSync(join(project, name), content);
  const tool = (name: string, content: string) => {
    const file = join(project, "tools", name);
    rmSync(file, { force: true });
    writeFileSync(file, content);
    chmodSync(file, 0o755);
  };
  const calls = () => {
    const file = join(project, "calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    rmSync(file, { force: true });
    return lines;
  };

  function start(settings: Record<string, string> = {}): { child: ChildProcess; said: () => string } {
    const path = `${join(project, "tools")}:/usr/bin:/bin`;
    const child = spawn("/bin/sh", ["-c", `exec "$REAL_NODE" scripts/setup.mjs <&-`], {
      cwd: project,
      env: { PATH: path, PROJECT: project, REAL_NODE: process.execPath, CI: "true", ...settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.stdout.on("data", (chunk: Buffer) => (said += `on standard output: ${chunk.toString()}`));
    return { child, said: () => said };
  }

  async function setup(settings: Record<string, string> = {}): Promise<{ code: number | null; said: string }> {
    const { child, said } = start(settings);
    const [code] = (await once(child, "close")) as [number | null];
    return { code, said: said() };
  }

  it("installs the locked packages, compiles and builds the portal, says so on standard error, and is done the next time", async () => {
    const first = await setup();
    expect(first.code, first.said).to.equal(0);
    expect(calls()).to.deep.equal([`npm ${CI}`, "hardhat build", "vite build"]);
    expect(first.said).to.match(
      /^setup: installing packages …\nsetup: installing packages: done in \d+ s\nsetup: compiling the contracts …\nsetup: .*\nsetup: building the portal …\nsetup: .*\n$/,
    );
    expect(await setup()).to.deep.equal({ code: 0, said: "" });
    expect(calls()).to.deep.equal([]);
  });

  it("installs again when the lock file changed, and only compiles when a source changed", async () => {
    await setup();
    calls();
    write("package-lock.json", "{ }");
    expect((await setup()).code).to.equal(0);
    expect(calls()).to.deep.equal([`npm ${CI}`, "hardhat build", "vite build"]);
    write("contracts/a/A.sol", "contract A { }");
    await setup();
    expect(calls()).to.deep.equal(["hardhat build", "vite build"]);
    write("contracts/a/B.sol", "contract B {}");
    await setup();
    expect(calls()).to.deep.equal(["hardhat build", "vite build"]);
    rmSync(join(project, "types"), { recursive: true });
    await setup();
    expect(calls()).to.deep.equal(["hardhat build"]);
  });

  it("only builds the portal when a file of it or of the core changed, or when it is gone", async () => {
    await setup();
    for (const change of [
      () => write("web/portal.tsx", "export {};"),
      () => write("server/protocol/units.ts", "export {};"),
      () => write("vite.config.ts", "export {};"),
      () => rmSync(join(project, "web", "dist"), { recursive: true }),
    ]) {
      calls();
      change();
      expect((await setup()).code).to.equal(0);
      expect(calls()).to.deep.equal(["vite build"]);
    }
  });

  it("borrows Node 24 for npm when the Node outside is older than 22", async () => {
    for (const [version, call] of [
      ["v20.20.2", `npx --yes --package node@24.21.0 -- npm ${CI}`],
      ["v22.1.0", `npm ${CI}`],
    ] as const) {
      tool("node", `#!/bin/sh\necho ${version}\n`);
      rmSync(join(project, "node_modules"), { recursive: true, force: true });
      expect((await setup()).code).to.equal(0);
      expect(calls()[0]).to.equal(call);
    }
  });

  describe("fails with cause and remedy, and is not finished", () => {
    const failures: [string, Record<string, string>, RegExp][] = [
      ["no name resolution", { NPM_ERROR: "code ENOTFOUND" }, /registry cannot be reached \(ENOTFOUND\).*\n.*network/],
      ["no answer", { NPM_ERROR: "network ETIMEDOUT" }, /registry cannot be reached \(ETIMEDOUT\).*\n.*HTTPS_PROXY/],
      ["a full disk", { NPM_ERROR: "code ENOSPC" }, /the disk is full \(ENOSPC\).*\n.*free about 2 GB/],
      ["a lock file of another manifest", { NPM_ERROR: "code EUSAGE" }, /package-lock\.json does not belong/],
      ["a changed package", { NPM_ERROR: "code EINTEGRITY" }, /differs from what the lock file promises/],
      ["a missing package", { NPM_ERROR: "code E404" }, /does not give a locked package/],
      ["a closed folder", { NPM_ERROR: "code EACCES" }, /cannot be written/],
      ["anything else", { NPM_ERROR: "the moon" }, /could not be installed\.\n {2}npm error the moon/],
      ["an npm that is killed", { NPM_KILLED: "1" }, /ended by SIGKILL/],
      ["an npm that leaves the EVM out", { NO_EVM: "1" }, /left out the EVM's package.*\n.*Node 22/],
      ["an npm that leaves Node 24 out", { NO_NODE: "1" }, /is not Node 24.*\n.*install scripts/],
      ["a contract that does not compile", { BUILD_ERROR: "ParserError" }, /could not be compiled\.\n {2}ParserError/],
      ["a portal that does not build", { PORTAL_ERROR: "no such word" }, /could not be built\.\n {2}no such word/],
    ];
    for (const [what, settings, message] of failures)
      it(what, async () => {
        const { code, said } = await setup(settings);
        expect(code).to.equal(1);
        expect(said).to.match(message).and.not.include("    at "); // no stack
        calls();
        expect((await setup()).code).to.equal(0);
        expect(calls().at(-1)).to.equal("vite build");
      });

    it("no npm", async () => {
      rmSync(join(project, "tools", "npm"));
      const { code, said } = await setup({ PATH: join(project, "tools") });
      expect([code, said]).to.deep.equal([
        1,
        "setup: installing packages …\nsetup: npm is not there.\n  Remedy: install npm (it comes with Node.js).\n",
      ]);
    });
  });

  it("does not take a half-made installation for the one before it", async () => {
    await setup();
    write("package-lock.json", "{ }");
    expect((await setup({ NPM_ERROR: "code ENOSPC" })).code).to.equal(1);
    write("package-lock.json", "{}");
    calls();
    expect((await setup()).code).to.equal(0);
    expect(calls()[0]).to.equal(`npm ${CI}`);
  });

  it("runs once when two are started together, and both end well", async () => {
    const both = await Promise.all([setup({ NPM_SLEEP: "0.3" }), setup({ NPM_SLEEP: "0.3" })]);
    expect(both.map(({ code }) => code)).to.deep.equal([0, 0]);
    expect(calls()).to.deep.equal([`npm ${CI}`, "slept", "hardhat build", "vite build"]);
    expect(both.map(({ said }) => said).join("")).to.match(/waiting for the setup that process \d+ runs/);
  });

  it("takes over from a setup that was killed, when the npm it left has ended, and installs from the start", async () => {
    const { child } = start({ NPM_SLEEP: "0.5" });
    while (!existsSync(join(project, "node_modules", "begun"))) await sleep(10);
    child.kill("SIGKILL");
    await once(child, "exit");
    const { code, said } = await setup();
    expect(code, said).to.equal(0);
    expect(calls()).to.deep.equal([`npm ${CI}`, "slept", `npm ${CI}`, "hardhat build", "vite build"]);
    expect(existsSync(join(project, ".data", "setup.lock"))).to.equal(false);
  });

  it("ends npm and frees its lock when it is interrupted", async () => {
    const { child } = start({ NPM_SLEEP: "5" });
    while (!existsSync(join(project, "node_modules", "begun"))) await sleep(10);
    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number | null];
    expect([code, existsSync(join(project, ".data", "setup.lock"))]).to.deep.equal([130, false]);
    expect(calls()).to.deep.equal([`npm ${CI}`]);
  });
});
