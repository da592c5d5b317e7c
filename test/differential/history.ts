import type { Interface, Result } from "ethers";
import * as model from "../../server/model/facility.ts";
import { distribute } from "../../server/model/payment.ts";
import { claim, claimableAssets, transfer } from "../../server/model/shares.ts";
import type { FacilityTerms } from "../../server/model/types.ts";
import { PAYEES, randomDeal } from "./deal.ts";
import { Random } from "./random.ts";
import { settingsOf } from "./settings.ts";
import type { Act, Stage } from "./stage.ts";
import { watched } from "./watched.ts";

// One facility's random life, told to the model and to the contracts alike.
