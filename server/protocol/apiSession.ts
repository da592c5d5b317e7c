import { Type, type Static } from "typebox";
import { Address, UnixTime, oneOf, orNull, strict } from "./apiTypes.ts";
import { ROLE_NAMES } from "./roles.ts";

// Signing in with Ethereum (ERC-4361): what the API gives to sign, takes back, and says of who asks.

export const ChallengeRequestSchema = Type.Object({ address: Address }, strict);

export const ChallengeSchema = Type.Object(
  { message: Type.String({ description: "ERC-4361; to be signed as it is by personal_sign" }), expiresAt: UnixTime },
  strict,
);

export const SignInSchema = Type.Object(
  {
    message: Type.String({ minLength: 1, maxLength: 4096 }),
    signature: Type.String({
      pattern: "^0x([0-9a-fA-F]{2}){1,8192}$",
      description: "of an account's key, or what an ERC-1271 contract accepts",
    }),
  },
  strict,
);

/** Who asks, and what it is on the chain now. */
const ViewerSchema = Type.Object(
  { address: Address, roles: Type.Array(oneOf(ROLE_NAMES)), expiresAt: UnixTime },
  strict,
);

export const SessionSchema = Type.Object({ viewer: orNull(ViewerSchema) }, strict);

export type Challenge = Static<typeof ChallengeSchema>;
export type Session = Static<typeof SessionSchema>;
