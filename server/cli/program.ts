import { Command } from "commander";

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

/** The `rackbond` command line: one file here for each command. */
export function program(): Command {
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
