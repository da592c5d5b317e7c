import { useState } from "react";
import { useWallet } from "../../wallet.tsx";

/** Whose hardware is shown: the connected account's, or every operator's. */
export interface Whose {
  readonly isMine: boolean;
  /** The account whose hardware is asked for; undefined for everyone's. */
  readonly operator: string | undefined;
  readonly choose: (isMine: boolean) => void;
}

/** The connected account's hardware unless the visitor chose otherwise; without a wallet everyone's. */
export function useWhose(): Whose {
  const { account } = useWallet();
  const [chosen, choose] = useState(true);
  const isMine = chosen && account !== undefined;
  return { isMine, operator: isMine ? account : undefined, choose };
}
