import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { join } from "node:path";
import type { Block, JsonRpcProvider } from "ethers";

import { connectTo, startProgram, type Program } from "../server/main.ts";
import { actorsOf } from "./actors.ts";
import { nodeKeyOf } from "./cast.ts";
import { SITE_FACTORS } from "./catalogue.ts";
import { startChain } from "./chain.ts";
import { fleetOf, type FleetLot } from "./fleet.ts";
import { takeFolder } from "./folder.ts";
import { startProgress, type Progress } from "./progress.ts";
import { averageGas, cashOf, dateText, dollars, paymentReport, percent } from "./statement.ts";
import { buildWorld, type World } from "./world.ts";
