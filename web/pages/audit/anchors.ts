import { identityAnchor } from "../../../server/protocol/identity.ts";

/** The identity anchor that a text names: itself, or of a board's name; undefined where it is neither. */
export function anchorIn(text: string): string | undefined {
  const trimmed = text.trim();
  if (/^0x[0-9a-f]{64}$/i.test(trimmed)) return trimmed.toLowerCase();
  try {
    return identityAnchor(trimmed);
  } catch {
    return undefined;
  }
}
