import { Button, Group, Modal, Stack, Text, TextInput, type ButtonProps } from "@mantine/core";
import { useState } from "react";
import { ActionButton } from "../../../action.tsx";
import type { MoneyUnit } from "../../../components/Money.tsx";
import { AmountField, useAmountInput } from "../../../components/AmountField.tsx";
import { amountText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { useOwn } from "../../../own.ts";
import { useWallet } from "../../../wallet.tsx";
import { partsWords } from "../../../words/parts.ts";
import { claimAction, transferAction, type ClassPlace } from "./sharesActions.ts";
import { useSharesTalk, type SharesTalk } from "./sharesTalk.tsx";

interface HoldingActionsProps {
  place: ClassPlace;
  coin: MoneyUnit;
  /** What the account could claim, as the page has it; without it the button is offered anyway. */
  claimableAssets?: bigint;
  size?: ButtonProps["size"];
}

/** What can be done with shares of a class that an account holds: claim its income, send shares on. */
export function HoldingActions({ place, coin, claimableAssets, size = "xs" }: HoldingActionsProps) {
  const talk = useSharesTalk(coin);
  return (
    <Group gap="xs" wrap="nowrap">
      <ActionButton
        action={claimAction(place, talk)}
        size={size}
        disabled={claimableAssets === 0n}
        aria-label={talk.words.claimTitle(place.symbol)}
      >
        {talk.words.claim}
      </ActionButton>
      <TransferButton place={place} talk={talk} size={size} />
    </Group>
  );
}

function TransferButton({ place, talk, size }: { place: ClassPlace; talk: SharesTalk; size: ButtonProps["size"] }) {
  const { account } = useWallet();
  const { words } = talk;
  const parts = useWords(partsWords);
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button
        variant="default"
        size={size}
        disabled={account === undefined}
        title={account === undefined ? parts.connectFirst : undefined}
        onClick={() => setOpen(true)}
        aria-label={words.transferTitle(place.symbol)}
      >
        {words.transfer}
      </Button>
      <Modal
        opened={isOpen}
        onClose={() => setOpen(false)}
        title={words.transferTitle(place.symbol)}
        closeButtonProps={{ "aria-label": parts.close }}
      >
        {isOpen && <TransferForm place={place} talk={talk} />}
      </Modal>
    </>
  );
}

function TransferForm({ place, talk }: { place: ClassPlace; talk: SharesTalk }) {
  const { words, coin } = talk;
  const { language } = useLanguage();
  const [to, setTo] = useState("");
  const input = useAmountInput(coin.decimalCount);
  const { token, symbol } = place;
  const own = useOwn(["shares", token], async ({ contracts, account }) => {
    const held = contracts.classToken(token);
    const [shares, frozenShares] = await Promise.all([held.balanceOf(account), held.getFrozenTokens(account)]);
    return { shares, frozenShares };
  });
  const receiver = to.trim();
  const isAddress = /^0x[0-9a-fA-F]{40}$/.test(receiver);
  const free = own && (own.shares > own.frozenShares ? own.shares - own.frozenShares : 0n);
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {words.transferLead}
      </Text>
      <TextInput
        label={words.to}
        description={words.toHint}
        value={to}
        onChange={(event) => setTo(event.currentTarget.value)}
        error={receiver !== "" && !isAddress ? words.badAddress : undefined}
        classNames={{ input: "mono" }}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
      <AmountField
        label={words.sharesLabel}
        input={input}
        unit={symbol}
        most={free}
        hint={
          own !== undefined && own.frozenShares > 0n
            ? words.frozenNote(amountText(own.frozenShares, coin.decimalCount, language))
            : undefined
        }
      />
      <ActionButton
        action={transferAction(place, receiver, input.units ?? 0n, talk)}
        disabled={!isAddress || input.units === undefined}
      >
        {words.continue}
      </ActionButton>
    </Stack>
  );
}
