import { expect } from "chai";
import { read, paths } from "../architecture/project.ts";
import { lineCount } from "../architecture/rules/files.ts";
import { anchors, badRuns, blocks, brokenLinks, links, tellsOf, unlistedDecisions } from "./markdown.ts";

const pages = read("", ".md");

function page(path: string): string {
  const found = pages.find((candidate) => candidate.path === path);
  if (found === undefined) throw new Error(`${path} is missing`);
  return found.text;
}

describe("pages", () => {
  describe("links", () => {
    it("lead to files and headings of the project", () => expect(brokenLinks(pages, paths)).to.deep.equal([]));

    it("fails on a link to no file, no heading, or out of the project", () => {
      const there = { path: "docs/there.md", text: "# A heading, twice\n## A heading, twice\n" };
      const text = (link: string) => [{ path: "docs/a.md", text: `See [this](${link}).` }, there];
      const files = ["docs/a.md", "docs/there.md", "contracts/units.sol"];
      for (const link of ["gone.md", "there.md#gone", "../../shared/data", "contracts/units.sol", "#gone"])
        expect(brokenLinks(text(link), files), link).to.have.length(1);
      for (const link of [
        "there.md",
        "there.md#a-heading-twice-1",
        "../contracts/units.sol",
        "../contracts/",
        "https://a.b/c",
      ])
        expect(brokenLinks(text(link), files), link).to.deep.equal([]);
    });

    it("are read from prose only, references too", () => {
      const text = '[a](b.md "t")\n\n```sh\n[c](d.md)\n```\n`[e](f.md)` ![g](<h.png>)\n\n[i]: j.md\n';
      expect(links(text)).to.deep.equal(["b.md", "h.png", "j.md"]);
      expect([...anchors('## `npm start` & more\n### Ж 2.0_a\n<a id="x"></a>')]).to.deep.equal([
        "npm-start--more",
        "ж-20_a",
        "x",
      ]);
    });
  });

  describe("commands", () => {
    it("that are marked to be run can be", () => expect(pages.flatMap(badRuns)).to.deep.equal([]));

    it("fails on a mark that nothing runs", () => {
      const bad = (text: string) => badRuns({ path: "a.md", text });
      expect(bad("```bash run\nls\n```\n")).to.have.length(1);
      expect(bad("```sh run\n\n```\n")).to.have.length(1);
      expect(bad("```sh run\nnpm test\n```\n")).to.have.length(1);
      expect(bad("```sh run\nnpm start -- --once\n```\n```sh\nnpm test\n```\n")).to.deep.equal([]);
      expect(blocks("````md\n```sh run\nx\n```\n````\n")).to.have.length(1);
    });
  });

  it("README.md is at most 120 lines", () => expect(lineCount(page("README.md"))).to.be.at.most(120));

  it("CONTRIBUTING.md is at most a page", () => expect(lineCount(page("CONTRIBUTING.md"))).to.be.at.most(60));

  it("CHANGELOG.md tells of this version or of the next", () => {
    const { version } = JSON.parse(read("package.json", "package.json")[0]!.text) as { version: string };
    expect(tellsOf(page("CHANGELOG.md"), version)).to.equal(true);
    expect(tellsOf("# Changelog\n\n## 0.0.9\n", "0.1.0")).to.equal(false);
    expect(tellsOf("# Changelog\n\n## [0.1.0] 2026-01-01\n", "0.1.0")).to.equal(true);
  });

  describe("decisions", () => {
    const decisions = pages.map(({ path }) => path).filter((path) => /^docs\/adr\/(?!README)/.test(path));
    const names = decisions.map((path) => path.slice("docs/adr/".length));

    it("are listed, numbered once and a page long", () => {
      expect(unlistedDecisions(names, page("docs/adr/README.md"))).to.deep.equal([]);
      for (const path of decisions) expect(lineCount(page(path)), path).to.be.at.most(60);
    });

    it("fails on one that is not listed, a number given twice, a name without a number", () => {
      const list = "- [a](0001-a.md)\n- [b](0001-b.md)\n- [c](c.md)\n";
      expect(unlistedDecisions(["0001-a.md", "0002-b.md"], list)).to.have.length(1);
      expect(unlistedDecisions(["0001-a.md", "0001-b.md"], list)).to.have.length(1);
      expect(unlistedDecisions(["c.md"], list)).to.have.length(1);
    });
  });
});
