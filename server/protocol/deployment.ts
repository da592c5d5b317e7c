import { Type } from "typebox";
import { Compile } from "typebox/compile";

import { Refusal } from "./refusal.ts";

const Address = Type.String({ pattern: "^0x[0-9a-fA-F]{40}$" });
const strict = { additionalProperties: false };

/** Where the contracts of one system are. */
const AddressesSchema = Type.Object(
  {
    authority: Address,
    asset: Address,
    registry: Address,
    telemetry: Address,
    leases: Address,
    facilities: Address,
    gate: Address,
    valuation: Address,
    computeIndex: Address,
    rateModel: Address,
    markets: Address,
    bonds: Address,
    faults: Address,
    disputes: Address,
    exchange: Address,
    leverage: Address,
    vault: Address,
    statements: Address,
  },
  strict,
);

/** One lending market: Morpho Blue's MarketParams, and its id. */
const MarketSchema = Type.Object(
  {
    id: Type.String({ pattern: "^0x[0-9a-f]{64}$" }),
    loanToken: Address,
    collateralToken: Address,
    oracle: Address,
    irm: Address,
    lltv: Type.String({ pattern: "^[0-9]+$" }),
  },
  strict,
);

/** What everybody may know of a deployment: where everything is. */
export const PublicDeploymentSchema = Type.Object(
  {
    /** Told apart from every other one by this: a database belongs to one deployment. */
    id: Type.String({ pattern: "^[0-9a-f-]{36}$" }),
    chainId: Type.Integer({ minimum: 1 }),
    startBlock: Type.Integer({ minimum: 0 }),
    addresses: AddressesSchema,
    facilities: Type.Array(
      Type.Object(
        {
          address: Address,
          classTokens: Type.Array(Address),
          /** Each class's price, also as a Chainlink feed. */
          prices: Type.Array(Address),
          markets: Type.Array(MarketSchema),
        },
        strict,
      ),
    ),
    /** The compute index of each model as a Chainlink feed. */
    indexFeeds: Type.Array(Type.Object({ model: Type.String(), address: Address }, strict)),
  },
  strict,
);

/** The one place that says where everything is: written by the deployment, read by everything else. */
const DeploymentSchema = Type.Object(
  {
    ...PublicDeploymentSchema.properties,
    /** Each lot's identity leaves, whose root the registry holds: (identity anchor, node id) by index. */
    identities: Type.Array(
      Type.Object(
        {
          lotId: Type.String({ pattern: "^[0-9]+$" }),
          devices: Type.Array(
            Type.Object({ name: Type.String(), nodeId: Type.String({ pattern: "^[0-9]+$" }) }, strict),
          ),
        },
        strict,
      ),
    ),
  },
  strict,
);

export type Addresses = Type.Static<typeof AddressesSchema>;
export type PublicDeployment = Type.Static<typeof PublicDeploymentSchema>;
export type Deployment = Type.Static<typeof DeploymentSchema>;

const validator = Compile(DeploymentSchema);

/** A deployment out of JSON; refuses what is not one. */
export function parseDeployment(json: unknown): Deployment {
  if (validator.Check(json)) return json;
  const [first] = validator.Errors(json);
  throw new Refusal("Deployment_Malformed", { at: first?.instancePath ?? "", rule: first?.message ?? "" });
}
