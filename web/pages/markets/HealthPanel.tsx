import { Group, Progress, Slider, Stack, Text } from "@mantine/core";
import { useState } from "react";
import {
  healthOf,
  type MarketHealth,
  type MarketPosition,
  type MarketPrice,
  type MarketTotals,
} from "../../../server/model/market.ts";
import { BPS, WAD } from "../../../server/protocol/units.ts";
import { percentText } from "../../format.ts";
import { useLanguage } from "../../language.tsx";
import { toneOf, type MarketTalk } from "./talk.tsx";

interface HealthPanelProps {
  totals: MarketTotals;
  position: MarketPosition;
  price: MarketPrice;
  /** What the form beside it would leave. */
  after?: { totals: MarketTotals; position: MarketPosition } | undefined;
  talk: MarketTalk;
}

const colorOf = (health: MarketHealth) => ({ calm: "rack", warn: "yellow", bad: "red" })[toneOf(health) ?? "calm"];
/** Steps of the slider, in basis points. */
const FALL_STEP_BPS = 100;

/** How safe a position is: what of its limit is used, now and after what is being typed, and what a falling price does. */
export function HealthPanel({ totals, position, price, after, talk }: HealthPanelProps) {
  const { language } = useLanguage();
  const [fallBps, setFallBps] = useState(0);
  const { words } = talk;
  const now = healthOf(totals, position, price);
  const next = after === undefined ? undefined : healthOf(after.totals, after.position, price);
  const shown = next ?? now;
  const of = after ?? { totals, position };
  const fallen =
    price.price === null
      ? undefined
      : healthOf(of.totals, of.position, {
          ...price,
          price: (price.price * (BPS - BigInt(fallBps))) / BPS,
        });
  const usedBps = usedOf(shown);
  const roomBps = roomOf(shown);
  const percent = (bps: number) => percentText(bps, language, 1);
  return (
    <Stack gap="sm" aria-live="polite">
      <Group justify="space-between" align="baseline" gap="xs">
        <Text size="sm" c="dimmed">
          {words.health}
        </Text>
        <Text fz="1.6rem" fw={650} className={`figures ${toneOf(shown) ?? ""}`} lh={1.2}>
          {next !== undefined && talk.health(now) !== talk.health(next) && (
            <Text span c="dimmed" fz="1rem" fw={500}>
              {talk.health(now)} →{" "}
            </Text>
          )}
          {talk.health(shown)}
        </Text>
      </Group>
      {usedBps !== undefined && (
        <div>
          <Progress.Root size="lg" radius="sm">
            <Progress.Section
              value={Math.min(100, usedBps / 100)}
              color={colorOf(shown)}
              aria-label={words.used(percent(usedBps))}
            />
          </Progress.Root>
          <Group justify="space-between" mt={4} gap="xs">
            <Text size="xs" c="dimmed">
              {words.used(percent(usedBps))}
            </Text>
            <Text size="xs" c="dimmed">
              {words.limit}: {shown.maxAssets === null ? "—" : talk.cash(shown.maxAssets)}
            </Text>
          </Group>
        </div>
      )}
      <dl className="pairs">
        <dt>{words.collateral}</dt>
        <dd>{talk.shares(of.position.collateralShares)}</dd>
        <dt>{words.debt}</dt>
        <dd>{talk.cash(shown.owedAssets)}</dd>
        <dt>{words.liquidationPrice}</dt>
        <dd>{shown.owedAssets === 0n ? "—" : talk.price(shown.liquidationPrice)}</dd>
      </dl>
      {fallen !== undefined && shown.owedAssets > 0n && (
        <div>
          <Group justify="space-between" gap="xs">
            <Text size="sm">
              {words.fall} <b className="figures">{percentText(fallBps, language, 0)}</b>
            </Text>
            <Text size="sm" className={`figures ${toneOf(fallen) ?? ""}`} fw={600} role="status">
              {fallen.healthWad !== null && fallen.healthWad < WAD
                ? words.fallLiquidated
                : words.fallResult(talk.health(fallen))}
            </Text>
          </Group>
          <Slider
            value={fallBps}
            onChange={setFallBps}
            min={0}
            max={6000}
            step={FALL_STEP_BPS}
            label={null}
            color={colorOf(fallen)}
            thumbLabel={words.fall}
            marks={roomBps > 0 && roomBps < 6000 ? [{ value: roomBps }] : []}
            mt={6}
          />
          <Text size="xs" c="dimmed" mt={8}>
            {words.fallRoom(percent(roomBps))}
          </Text>
        </div>
      )}
    </Stack>
  );
}

/** The part of the limit that is used; undefined without a price, or without collateral and debt. */
function usedOf({ owedAssets, maxAssets }: MarketHealth): number | undefined {
  if (maxAssets === null || (maxAssets === 0n && owedAssets === 0n)) return undefined;
  return maxAssets === 0n ? Number(BPS) : Number((owedAssets * BPS) / maxAssets);
}

/** How far the price can fall until the position can be liquidated: down. */
function roomOf({ healthWad }: MarketHealth): number {
  if (healthWad === null || healthWad <= WAD) return 0;
  return Number(BPS - (BPS * WAD + healthWad - 1n) / healthWad);
}
