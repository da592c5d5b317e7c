import type { Wallet } from "ethers";
import type { Program } from "../../server/main.ts";
import type { Challenge } from "../../server/protocol/apiSession.ts";

// Asking a running program's API as an account that signed in.

const JSON_TYPE = { "content-type": "application/json" };

/** The cookie of a session that a wallet opened. */
export async function signedIn(program: Program, wallet: Wallet): Promise<string> {
  const { address } = wallet;
  const { body } = await postAs<Challenge>(program, "", "/v1/session/challenge", JSON.stringify({ address }));
  const { message } = body;
  const answer = await fetch(`${program.apiUrl}/v1/session`, {
    ...{ method: "POST", headers: JSON_TYPE },
    body: JSON.stringify({ message, signature: await wallet.signMessage(message) }),
  });
  if (answer.status !== 200) throw new Error(`no session: ${await answer.text()}`);
  return (answer.headers.get("set-cookie") ?? "").split(";")[0]!;
}

export interface Asked<T> {
  readonly status: number;
  readonly body: T;
}

/** What a path answers to a session. */
export async function getAs<T>(program: Program, cookie: string, path: string): Promise<Asked<T>> {
  const answer = await fetch(program.apiUrl + path, { headers: { cookie } });
  return { status: answer.status, body: (await answer.json()) as T };
}

/** What a path answers to a session that posts JSON. */
export async function postAs<T>(program: Program, cookie: string, path: string, body: string): Promise<Asked<T>> {
  const answer = await fetch(program.apiUrl + path, { method: "POST", headers: { ...JSON_TYPE, cookie }, body });
  return { status: answer.status, body: (await answer.json()) as T };
}
