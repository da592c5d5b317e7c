import { Command } from "commander";

import { Failure, messageOf } from "../failure.ts";
import { agentCommand } from "./agent.ts";
import { apiCommand } from "./api.ts";
import { attestCommand } from "./attest.ts";
import { auditCommand } from "./audit.ts";
import { gatewayCommand } from "./gateway.ts";
import { investCommand } from "./invest.ts";
import { keeperCommand } from "./keeper.ts";
import { measureCommand } from "./measure.ts";
import { operatorCommand } from "./operator.ts";
import { oracleCommand } from "./oracle.ts";
import { proveCommand } from "./prove.ts";

// The `rackbond` command line: one file here for each command, composed below.

/** Ends as documented: 0 done · 1 a difference or a refusal was found · 2 the command or its settings are wrong. */
const EXIT = { refused: 1, wrongUse: 2 } as const;

function program(): Command {
  return new Command("rackbond")
    .description("GPU leases, their telemetry and their money, checked by anyone")
    .addCommand(agentCommand())
    .addCommand(apiCommand())
    .addCommand(attestCommand())
    .addCommand(auditCommand())
    .addCommand(gatewayCommand())
    .addCommand(investCommand())
    .addCommand(keeperCommand())
    .addCommand(measureCommand())
    .addCommand(operatorCommand())
    .addCommand(oracleCommand())
    .addCommand(proveCommand());
}

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
