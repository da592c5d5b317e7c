import { spawn } from "node:child_process";
import { expect } from "chai";
import { read, ROOT } from "../architecture/project.ts";
import { runnable } from "./markdown.ts";

const LIMIT_MS = 5 * 60_000;

/** The environment of somebody who types a command, without what the test run put in it. */
function environment(): NodeJS.ProcessEnv {
  const ours = /^(?:npm_|HARDHAT_|HH_|NODE_ENV$|NODE_OPTIONS$|INIT_CWD$|UPDATE_SNAPSHOTS$)/;
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name))), CI: "true" };
}

/** Runs a block as one shell script; its exit code (null when it was ended at the limit) and its last lines. */
async function run(code: string, limitMs = LIMIT_MS): Promise<{ code: number | null; tail: string }> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", code], {
    cwd: ROOT,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // its own group, so that all it started ends with it
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const end = () => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {
      // Nothing of it is left.
    }
  };
  const limit = setTimeout(end, limitMs);
  child.once("exit", end); // what it left behind may still hold the pipes
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.once("close", resolve).once("error", reject),
  );
  clearTimeout(limit);
  return { code: exitCode, tail: output.split("\n").slice(-40).join("\n") };
}

describe("commands in the pages", () => {
  for (const { path, text } of read("", ".md")) {
    for (const code of runnable(text)) {
      it(`${path}: ${code.replaceAll("\n", "; ")}`, async () => {
        const result = await run(code);
        expect(result.code, result.tail).to.equal(0);
      }).timeout(LIMIT_MS + 10_000);
    }
  }

  it("fails on a command that fails in the middle, and on one that does not end", async () => {
    expect((await run("true\nfalse\ntrue")).code).to.equal(1);
    expect((await run("false | true")).code).to.equal(1);
    expect((await run("sleep 60", 200)).code).to.equal(null);
    expect(await run("echo done")).to.deep.equal({ code: 0, tail: "done\n" });
  });
});
