import { basename } from "node:path";
import { expect } from "chai";
import { governancePage, referencePages, settingsPage } from "../../scripts/reference.ts";
import { settingsTable } from "../../server/config.ts";
import { read } from "../architecture/project.ts";

describe("reference", () => {
  const pages = new Map(read("docs/reference", ".md").map(({ path, text }) => [basename(path), text]));

  for (const [name, text] of Object.entries(referencePages())) {
    it(`docs/reference/${name} is what \`npm run reference\` writes`, () => {
      expect(pages.get(name), "run npm run reference").to.equal(text);
    });
  }

  it("has one row of five cells for each setting", () => {
    const rows = settingsPage()
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .slice(2);
    const settings = settingsTable();
    expect(rows).to.have.length(settings.length);
    for (const [index, { description, env, secret }] of settings.entries()) {
      const cells = rows[index]!.split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim());
      expect(cells).to.have.length(5);
      expect([cells[0], cells[1], cells[4]]).to.deep.equal([description, `\`${env}\``, secret]);
    }
  });

  it("docs/governance.md has the tables that `npm run reference` writes: those the deployment sets", () => {
    const governance = read("docs", ".md").find(({ path }) => path === "docs/governance.md");
    expect(governance?.text, "run npm run reference").to.equal(governancePage(governance?.text ?? ""));
  });
});
