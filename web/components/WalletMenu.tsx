import { Button, Menu, Text } from "@mantine/core";
import { useState } from "react";
import { shortHex } from "../format.ts";
import { useWords } from "../language.tsx";
import { useWallet } from "../wallet.tsx";
import { shellWords } from "../words/shell.ts";

type Attempt = (work: Promise<void>) => void;

/** The wallet in use, and what can be done with it. */
export function WalletMenu() {
  const words = useWords(shellWords);
  const { account, wallets, connect } = useWallet();
  const [failure, setFailure] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const attempt: Attempt = (work) => {
    setFailure(undefined);
    setBusy(true);
    work
      .catch((error: unknown) => setFailure(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false));
  };
  const [only] = wallets;
  if (account === undefined && only !== undefined && wallets.length === 1 && failure === undefined)
    return (
      <Button size="sm" px="sm" data-testid="connect" loading={isBusy} onClick={() => attempt(connect(only))}>
        {words.connect}
      </Button>
    );
  return (
    <Menu position="bottom-end" width={300} withArrow>
      <Menu.Target>
        <Button
          variant={account === undefined ? "filled" : "default"}
          size="sm"
          px="sm"
          loading={isBusy}
          data-testid={account === undefined ? "connect" : isBusy ? "connecting" : "wallet"}
        >
          {account === undefined ? words.connect : <span className="mono">{shortHex(account)}</span>}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {account === undefined ? <Choices attempt={attempt} /> : <Account account={account} attempt={attempt} />}
        {failure !== undefined && (
          <Text size="xs" className="bad" p="xs" role="alert">
            {failure}
          </Text>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function Choices({ attempt }: { attempt: Attempt }) {
  const words = useWords(shellWords);
  const { wallets, connect } = useWallet();
  if (wallets.length === 0)
    return (
      <div style={{ padding: 12 }}>
        <Text fw={600} size="sm">
          {words.noWallet}
        </Text>
        <Text size="sm" c="dimmed">
          {words.noWalletHint}
        </Text>
      </div>
    );
  return wallets.map((wallet) => (
    <Menu.Item
      key={wallet.info.uuid}
      leftSection={<img src={wallet.info.icon} width={20} height={20} alt="" />}
      onClick={() => attempt(connect(wallet))}
    >
      {wallet.info.name}
    </Menu.Item>
  ));
}

function Account({ account, attempt }: { account: string; attempt: Attempt }) {
  const words = useWords(shellWords);
  const { isOnChain, viewer, switchChain, signIn, signOut, disconnect } = useWallet();
  const isSignedIn = viewer?.address.toLowerCase() === account.toLowerCase();
  return (
    <>
      <Menu.Label>
        <span className="mono" style={{ wordBreak: "break-all" }}>
          {account}
        </span>
      </Menu.Label>
      {isSignedIn && viewer.roles.length > 0 && (
        <Menu.Label>
          {words.roles}: {viewer.roles.join(", ")}
        </Menu.Label>
      )}
      {isOnChain === false && (
        <Menu.Item className="warn" onClick={() => attempt(switchChain())}>
          {words.wrongChain}. {words.switchChain}
        </Menu.Item>
      )}
      {isSignedIn ? (
        <Menu.Item onClick={() => attempt(signOut())}>{words.signOut}</Menu.Item>
      ) : (
        <Menu.Item onClick={() => attempt(signIn())}>
          {words.signIn}
          <Text size="xs" c="dimmed">
            {words.signInHint}
          </Text>
        </Menu.Item>
      )}
      <Menu.Item onClick={disconnect}>{words.disconnect}</Menu.Item>
    </>
  );
}
