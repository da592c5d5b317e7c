import { Alert, Grid, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";
import type { Vault } from "../../../server/protocol/apiExchange.ts";
import { ActionButton } from "../../action.tsx";
import { useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { Amount } from "../../components/Amount.tsx";
import { AmountField, useAmountInput } from "../../components/AmountField.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty, Loading } from "../../components/States.tsx";
import { amountText, percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { useOwn } from "../../own.ts";
import { useWallet } from "../../wallet.tsx";
import { vaultWords } from "../../words/vault.ts";
import {
  cancelAction,
  claimAction,
  depositAction,
  ownVault,
  requestAction,
  useVaultTalk,
  type OwnVault,
  type VaultTalk,
} from "./vaultActions.tsx";
import { VaultLists } from "./VaultLists.tsx";

const WAD_DECIMALS = 18;

/** The income vault: its two prices, what the visitor has in it, the queue and the holdings. */
export default function VaultPage() {
  const words = useWords(vaultWords);
  const answer = useAnswer("/v1/vault");
  return (
    <>
      <PageHead
        title={words.title}
        lead={words.lead}
        actions={answer.data && <AddressText value={answer.data.address} />}
      />
      <Answered of={answer} loading={<Loading lineCount={6} />}>
        {(vault) => <Whole vault={vault} />}
      </Answered>
    </>
  );
}

function Whole({ vault }: { vault: Vault }) {
  const talk = useVaultTalk(vault);
  const { words } = talk;
  return (
    <>
      <Stack gap="xs" mb={vault.isPaused || !vault.isUsable ? "md" : 0}>
        {vault.isPaused && (
          <Alert color="yellow" variant="light">
            {words.paused}
          </Alert>
        )}
        {!vault.isUsable && (
          <Alert color="yellow" variant="light">
            {words.notUsable}
          </Alert>
        )}
      </Stack>
      <Totals vault={vault} talk={talk} />
      <Desk vault={vault} talk={talk} />
      <VaultLists talk={talk} />
    </>
  );
}

function Totals({ vault, talk }: { vault: Vault; talk: VaultTalk }) {
  const { words, coin, cash } = talk;
  const { language } = useLanguage();
  const price = (wad: string) => <Amount assets={wad} decimalCount={WAD_DECIMALS} unit={coin.unit} digitCount={4} />;
  const [exitWad, entryWad] = [BigInt(vault.exitWad), BigInt(vault.entryWad)];
  const gapBps = entryWad === 0n ? 0n : ((entryWad - exitWad) * 10_000n) / entryWad;
  const text = (assets: bigint) => `${amountText(assets, coin.decimalCount, language)} ${coin.unit}`;
  const waitingAssets =
    vault.totalShares === "0"
      ? 0n
      : (BigInt(vault.pendingShares) * BigInt(vault.exitAssets)) / BigInt(vault.totalShares);
  return (
    <Stack mb="xl">
      <Figures perRow={3}>
        <Figure label={words.exitPrice} note={words.exitNote}>
          {price(vault.exitWad)}
        </Figure>
        <Figure label={words.entryPrice} note={words.entryNote}>
          {price(vault.entryWad)}
        </Figure>
        <Figure label={words.gap} note={words.gapNote}>
          {percentText(gapBps, language)}
        </Figure>
        <Figure label={words.worth}>
          <Amount assets={vault.exitAssets} decimalCount={coin.decimalCount} unit={coin.unit} isShort />
        </Figure>
        <Figure label={words.cash} note={words.freeNote(text(BigInt(vault.freeAssets)))}>
          {cash(BigInt(vault.cashAssets))}
        </Figure>
        <Figure label={words.waiting} note={words.waitingNote(text(waitingAssets))}>
          {talk.shares(BigInt(vault.pendingShares))}
        </Figure>
      </Figures>
    </Stack>
  );
}

/** What the visitor has beside what it can do. */
function Desk({ vault, talk }: { vault: Vault; talk: VaultTalk }) {
  const { words } = talk;
  const { account } = useWallet();
  const own = useOwn(["vault", vault.address], (chain) => ownVault(chain, vault));
  return (
    <Section title={words.own} lead={words.ownLead} isBare>
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <div className="surface" style={{ padding: "16px 18px", height: "100%" }}>
            {account === undefined ? (
              <Empty title={words.connect} />
            ) : own === undefined ? (
              <Loading lineCount={4} />
            ) : (
              <Own own={own} talk={talk} />
            )}
          </div>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <div className="surface" style={{ padding: "16px 18px", height: "100%" }}>
            <Forms own={own} vault={vault} talk={talk} />
          </div>
        </Grid.Col>
      </Grid>
    </Section>
  );
}

function Own({ own, talk }: { own: OwnVault; talk: VaultTalk }) {
  const { words, field, vault, cash, shares } = talk;
  return (
    <Stack>
      <dl className="pairs">
        <dt>{field.yourShares(vault.symbol)}</dt>
        <dd>{shares(own.shares)}</dd>
        <dt>{words.ownWorth}</dt>
        <dd>{cash(own.worthAssets)}</dd>
        <dt>{field.inWallet(talk.coin.unit)}</dt>
        <dd>{cash(own.cashAssets)}</dd>
        <dt>{words.claimable}</dt>
        <dd>{cash(own.claimableAssets)}</dd>
      </dl>
      <ActionButton
        action={claimAction(talk)}
        size="sm"
        style={{ alignSelf: "flex-end" }}
        disabled={own.claimableShares === 0n}
      >
        {words.claim}
      </ActionButton>
      <Text fw={600} size="sm">
        {words.requests}
      </Text>
      <DataTable
        caption={words.requests}
        rows={own.requests}
        rowKey={({ requestId }) => String(requestId)}
        empty={
          <Text size="sm" c="dimmed">
            {words.noRequests}
          </Text>
        }
        columns={[
          { key: "id", title: words.request, cell: ({ requestId }) => `#${String(requestId)}` },
          { key: "pending", title: words.pending, isFigure: true, cell: (one) => shares(one.pendingShares) },
          { key: "filled", title: words.claimable, isFigure: true, cell: (one) => shares(one.claimableShares) },
          {
            key: "cancel",
            title: "",
            isFigure: true,
            cell: (one) =>
              one.pendingShares + one.cancelledShares > 0n && (
                <ActionButton action={cancelAction(one, talk)} size="xs" variant="default">
                  {one.pendingShares > 0n ? words.cancel : words.takeBack}
                </ActionButton>
              ),
          },
        ]}
      />
    </Stack>
  );
}

function Forms({ own, vault, talk }: { own: OwnVault | undefined; vault: Vault; talk: VaultTalk }) {
  const { words, coin } = talk;
  const [isIn, setIn] = useState(true);
  const assets = useAmountInput(coin.decimalCount);
  const shares = useAmountInput(vault.shareDecimalCount);
  return (
    <Stack>
      <SegmentedControl
        fullWidth
        aria-label={words.title}
        value={isIn ? "in" : "out"}
        onChange={(value) => setIn(value === "in")}
        data={[
          { value: "in", label: words.in },
          { value: "out", label: words.out },
        ]}
      />
      <Text size="sm" c="dimmed">
        {isIn ? words.depositLead : words.redeemLead}
      </Text>
      {isIn ? (
        <>
          <AmountField label={words.amount} input={assets} unit={coin.unit} most={own?.cashAssets} />
          <ActionButton
            action={depositAction(assets.units ?? 0n, talk)}
            disabled={assets.units === undefined || vault.isPaused}
            fullWidth
          >
            {words.deposit}
          </ActionButton>
        </>
      ) : (
        <>
          <AmountField label={words.sharesLabel} input={shares} unit={vault.symbol} most={own?.shares} />
          <ActionButton
            action={requestAction(shares.units ?? 0n, talk)}
            disabled={shares.units === undefined}
            fullWidth
          >
            {words.redeem}
          </ActionButton>
        </>
      )}
    </Stack>
  );
}
