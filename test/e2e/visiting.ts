import type { Page } from "playwright-core";

import type { Visitor } from "./stage.ts";

// What every story does on a page.

const SHOWN_MS = 15_000;
const LOOK_MS = 50;
const SENT_MS = 120_000;
const CONFIRM = "Confirm in the wallet";

/** Connects the visitor's wallet by the page's own button, and signs in. */
export async function connect({ page }: Visitor): Promise<void> {
  await page.getByTestId("connect").click();
  await page.getByTestId("wallet").waitFor({ timeout: SHOWN_MS });
}

/** Waits until nothing on the page is loading. */
export async function settled(page: Page): Promise<void> {
  await page.locator("main h1").first().waitFor({ timeout: SHOWN_MS });
  // By locators: the portal's content policy lets nobody evaluate text.
  const busy = page.locator("[aria-busy=true]");
  for (let waitedMs = 0; (await busy.count()) > 0; waitedMs += LOOK_MS) {
    if (waitedMs > SHOWN_MS) throw new Error(`still loading: ${await busy.first().innerText()}`);
    await page.waitForTimeout(LOOK_MS);
  }
  await page.waitForTimeout(300);
}

/** Confirms the open dialog once its preview is there: the wallet signs what the page asks. */
export async function confirm(page: Page): Promise<void> {
  await page.getByRole("dialog").getByRole("button", { name: CONFIRM, disabled: false }).click({ timeout: SHOWN_MS });
}

/** Confirms the open dialog, waits until all of it is in its block, and closes it. */
export async function confirmAll(page: Page): Promise<void> {
  await confirm(page);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The figures here follow").waitFor({ timeout: SENT_MS });
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await dialog.waitFor({ state: "detached", timeout: SHOWN_MS });
}
