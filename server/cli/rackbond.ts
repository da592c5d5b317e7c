import type { Command } from "commander";

import { Failure, messageOf } from "../failure.ts";
import { program } from "./program.ts";

/** Ends as documented: 0 done · 1 a difference or a refusal was found · 2 the command or its settings are wrong. */
const EXIT = { refused: 1, wrongUse: 2 } as const;

try {
  await throwing(program()).parseAsync(process.argv);
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** The command and all below it throw where commander would end the process with a code of its own. */
function throwing(command: Command): Command {
  command.commands.forEach(throwing);
  return command.exitOverride();
}

function exitCodeOf(error: unknown): number {
  if (error instanceof Error && "exitCode" in error) return error.exitCode === 0 ? 0 : EXIT.wrongUse; // commander said why
  process.stderr.write(`rackbond: ${messageOf(error)}\n`);
  return error instanceof Failure && error.code.startsWith("Config_") ? EXIT.wrongUse : EXIT.refused;
}
