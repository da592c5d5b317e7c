import { Select, Stack, Text } from "@mantine/core";
import { useState } from "react";
import type { Facility } from "../../../../server/protocol/api.ts";
import { ActionButton } from "../../../action.tsx";
import { AmountField, useAmountInput } from "../../../components/AmountField.tsx";
import { Section } from "../../../components/Section.tsx";
import { When } from "../../../components/When.tsx";
import { useOwn } from "../../../own.ts";
import { refundAction, subscribeAction, type ClassPlace } from "./sharesActions.ts";
import { useSharesTalk } from "./sharesTalk.tsx";

const LEAST = (a: bigint, b: bigint) => (a < b ? a : b);

/** Subscribing to a facility that raises, or the refund of one whose raise failed; nothing for any other. */
export function SubscribePanel({ facility }: { facility: Facility }) {
  const { state } = facility;
  if (state === "Raising") return <Subscribe facility={facility} />;
  if (state === "Refunding") return <Refund facility={facility} />;
  return null;
}

function Subscribe({ facility }: { facility: Facility }) {
  const { asset, assetSymbol, assetDecimalCount, address, classes } = facility;
  const talk = useSharesTalk({ unit: assetSymbol, decimalCount: assetDecimalCount });
  const { words, field } = talk;
  const [classIndex, setClassIndex] = useState(0);
  const input = useAmountInput(assetDecimalCount);
  const chosen = classes[classIndex] ?? classes[0]!;
  const place: ClassPlace = { facility: address, asset, classIndex, token: chosen.token, symbol: chosen.symbol };
  const openAssets = BigInt(chosen.targetAssets) - BigInt(chosen.totalShares);
  const cashAssets = useOwn(["cash", asset], ({ contracts, account }) =>
    contracts.classToken(asset).balanceOf(account),
  );
  return (
    <Section title={words.subscribe} lead={words.subscribeLead}>
      <Stack gap="md" maw={460}>
        <Text size="sm" c="dimmed">
          {words.openUntil} <When at={facility.raiseUntilAt} />
        </Text>
        <Select
          label={words.class}
          data={classes.map(({ name, symbol, classIndex: place }) => ({
            value: String(place),
            label: `${symbol} · ${name}`,
          }))}
          value={String(classIndex)}
          onChange={(value) => setClassIndex(Number(value ?? 0))}
          allowDeselect={false}
        />
        {openAssets <= 0n ? (
          <Text size="sm">{words.full}</Text>
        ) : (
          <>
            <AmountField
              label={words.amount}
              input={input}
              unit={assetSymbol}
              most={cashAssets === undefined ? openAssets : LEAST(openAssets, cashAssets)}
              mostLabel={cashAssets === undefined || openAssets < cashAssets ? words.open : field.most}
            />
            <ActionButton action={subscribeAction(place, input.units ?? 0n, talk)} disabled={input.units === undefined}>
              {words.subscribe}
            </ActionButton>
          </>
        )}
      </Stack>
    </Section>
  );
}

function Refund({ facility }: { facility: Facility }) {
  const { asset, assetSymbol, assetDecimalCount, address } = facility;
  const talk = useSharesTalk({ unit: assetSymbol, decimalCount: assetDecimalCount });
  return (
    <Section title={talk.words.refundTitle} lead={talk.words.refundLead}>
      <ActionButton action={refundAction(address, asset, talk)}>{talk.words.refund}</ActionButton>
    </Section>
  );
}
