// Which functions the access manager guards, by kind of contract: those that nobody gave a role are the administrator's.

export const RESTRICTED = {
  registry: ["addModel", "attest", "renew", "revokeAttestation", "unfreeze"],
  telemetry: ["setConfig", "halt", "resolve"],
  disputes: ["rule"],
  bonds: ["slash"],
  gate: ["listProvider", "blockCountry", "ruleClass", "listHolder", "freeze"],
  facilities: ["create", "pause", "resume"],
  facility: ["cancel"],
  classToken: ["forcedTransfer", "recover", "readmit", "setFrozenTokens"],
  valuation: ["setCurve", "setHaircuts", "setDiscount", "rate"],
  computeIndex: ["listPublisher"],
  markets: ["enableIrm", "enableLltv", "pauseBorrowing", "resumeBorrowing", "setFee", "setFeeRecipient"],
  vault: ["list", "raiseCap", "lowerCap", "closeClass", "subscribe", "buy", "sell", "pause", "resume"],
  exchange: ["setFee", "setFeeRecipient"],
} as const;

/** What the access manager itself lets administrators do. */
export const ADMINISTRATION = [
  ...["labelRole", "setRoleAdmin", "setRoleGuardian", "setGrantDelay", "setTargetAdminDelay", "setTargetClosed"],
  ...["setTargetFunctionRole", "updateAuthority"],
] as const;

/** The role that everything belongs to which nobody gave another. */
export const ADMIN_ROLE_ID = 0n;
/** The role that everybody has. */
export const PUBLIC_ROLE_ID = 2n ** 64n - 1n;
