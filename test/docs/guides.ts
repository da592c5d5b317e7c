import { expect } from "chai";
import type { Command } from "commander";
import { program } from "../../server/cli/program.ts";
import { read } from "../architecture/project.ts";

/** Commands of the guides, each as its words, quotes kept together. */
const commands = read("docs/guide/", ".md").flatMap(({ path, text }) =>
  [...text.matchAll(/npm run rackbond -- (.+)$/gm)].map(([, line]) => ({
    path,
    words: line!.match(/"[^"]*"|\S+/g) ?? [],
  })),
);

describe("the guides of the roles", () => {
  it("name commands and options that there are, and all that a command cannot do without", () => {
    expect(commands.length).to.be.above(20);
    for (const { path, words } of commands) {
      let command: Command | undefined = program();
      const names = words.slice(0, words.findIndex((word) => word.startsWith("-")) >>> 0);
      for (const name of names) command = command?.commands.find((one) => one.name() === name);
      const where = `${path}: ${words.join(" ")}`;
      expect(command, where).not.to.equal(undefined);
      const given = words.filter((word) => word.startsWith("--"));
      for (const option of given)
        expect(
          command!.options.map(({ long }) => long),
          where,
        ).to.include(option);
      const needed = command!.options.filter(({ mandatory, envVar }) => mandatory && envVar === undefined);
      for (const { long } of needed) expect(given, where).to.include(long);
    }
  });
});
