import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT } from "../architecture/project.ts";

interface Chunk {
  file: string;
  src?: string;
  imports?: string[];
  css?: string[];
}

const FIRST_PAGE_CAP_BYTES = 250_000;
const FIRST_PAGE = ["index.html", "pages/home/HomePage.tsx"];

// The portal is built here, from the sources as they are.
describe("the portal's bundle", () => {
  let outDir: string;
  let manifest: Record<string, Chunk>;

  before(() => {
    outDir = mkdtempSync(join(tmpdir(), "rackbond-portal-"));
    execFileSync(join(ROOT, "node_modules", ".bin", "vite"), ["build", "--outDir", outDir, "--emptyOutDir"], {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: "production" },
      stdio: ["ignore", "ignore", "inherit"],
    });
    manifest = JSON.parse(readFileSync(join(outDir, ".vite", "manifest.json"), "utf8")) as Record<string, Chunk>;
  });

  after(() => rmSync(outDir, { recursive: true, force: true }));

  const filesOf = (names: string[]): Set<string> => {
    const files = new Set<string>();
    const visit = (name: string) => {
      const chunk = manifest[name];
      if (chunk === undefined) throw new Error(`${name} is not in the manifest`);
      if (files.has(chunk.file)) return;
      for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
      chunk.imports?.forEach(visit);
    };
    names.forEach(visit);
    return files;
  };
  const scripts = () =>
    readdirSync(join(outDir, "assets")).map((file) => readFileSync(join(outDir, "assets", file), "utf8"));

  it("is at most 250 kB of gzip for the first page", () => {
    const sizes = [...filesOf(FIRST_PAGE)].map((file) => gzipSync(readFileSync(join(outDir, file))).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.be.within(50_000, FIRST_PAGE_CAP_BYTES);
  });

  it("loads a page's code with the page, and what draws and what speaks to contracts when it is used", () => {
    const first = filesOf(["index.html"]);
    const pages = Object.keys(manifest).filter((name) => /^pages\/.*Page\.tsx$/.test(name));
    expect(pages).to.have.length.above(10);
    for (const name of [...pages, "chain.ts", "components/Plot.tsx"])
      expect(first.has(manifest[name]!.file), name).to.equal(false);
    for (const name of pages.filter((page) => !/\/(?:operator|audit)\//.test(page)))
      expect(filesOf([name]).has(manifest["chain.ts"]!.file), name).to.equal(false);
  });

  it("carries no bytecode of a contract", () => {
    const text = scripts().join("\n");
    expect(text).to.include("Facility_"); // the contracts' interfaces are in it
    expect(text).not.to.match(/0x60[0-9a-f]{2}6040[0-9a-f]{200}/);
  });

  it("loads nothing from elsewhere", () => {
    const page = readFileSync(join(outDir, "index.html"), "utf8");
    expect(page).not.to.match(/(?:src|href)="(?:https?:)?\/\//);
    for (const text of scripts()) expect(text).not.to.match(/@import\s|url\(["']?https?:|import\(["']https?:/);
  });
});
