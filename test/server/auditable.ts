import { expect } from "chai";
import { ledgerOf, replay } from "../../server/model/replay.ts";
import type { Program } from "../../server/main.ts";
import type { Problem } from "../../server/protocol/api.ts";
import type { HistoryEvent, Reserve } from "../../server/protocol/apiHistory.ts";
import type { Lease } from "../../server/protocol/apiLeases.ts";
import { getJson, type Page, type RunningWorld } from "./running.ts";

const total = (values: (string | bigint)[]) => values.reduce<bigint>((sum, value) => sum + BigInt(value), 0n);

/** A facility that has paid once can be checked by whoever asks the API: its payments, and what it holds. */
export function canBeAudited(given: () => { world: RunningWorld; program: Program; facility: string }): void {
  it("gives the events that its payment dates and its ledger are computed from again, page by page", async () => {
    const { program, facility } = given();
    const { contracts } = program;
    const get = <T>(path: string): Promise<T> => getJson(program, path);
    const path = `/v1/facilities/${facility}/events`;
    const events: HistoryEvent[] = [];
    for (let after: string | null = "0"; after !== null;) {
      const { items, next }: Page<HistoryEvent> = await get(`${path}?limit=7&after=${after}`);
      events.push(...items);
      after = next;
    }
    expect(events).to.deep.equal((await get<Page<HistoryEvent>>(`${path}?limit=200`)).items);
    const played = replay(events);
    expect(played.dates.map(({ differenceCount, steps }) => [differenceCount, steps.length])).to.deep.equal([[0, 9]]);
    expect(played.differenceCount).to.equal(0);
    const ledger = total(Object.values(ledgerOf(played.facility)));
    expect(ledger).to.equal(await contracts.facility(facility).ledgerAssets());
  });

  it("stands with every other contract that holds money in the reserves: what it owes, to the unit, and what it has", async () => {
    const { world, program, facility } = given();
    const { contracts } = program;
    const get = <T>(path: string): Promise<T> => getJson(program, path);
    const { items } = await get<Page<Reserve>>("/v1/reserves");
    const { addresses } = world.deployment;
    const of = (kind: Reserve["kind"]) => items.find((one) => one.kind === kind)!;
    const booked = async (view: Promise<bigint>) => String(await view);
    expect(of("facility")).to.deep.include({
      ...{ address: facility, asset: addresses.asset, assetSymbol: "tUSD", assetDecimalCount: 6 },
      bookedAssets: await booked(contracts.facility(facility).ledgerAssets()),
    });
    expect(of("bonds").bookedAssets).to.equal(await booked(contracts.bonds.ledgerAssets()));
    const { id, collateralToken } = world.deployment.facilities[0]!.markets[0]!;
    const market = await contracts.markets.market(id);
    const { cashAssets } = await contracts.markets.incomeBook(collateralToken);
    expect(cashAssets > 0n).to.equal(true);
    expect(of("markets").parts).to.deep.equal([
      { part: "lendable", assets: String(market.totalSupplyAssets - market.totalBorrowAssets) },
      { part: "collateralIncome", assets: String(cashAssets) },
    ]);
    const { items: leases } = await get<Page<Lease>>("/v1/leases");
    const kept = total(leases.flatMap(({ depositAssets, prepaidAssets }) => [depositAssets, prepaidAssets]));
    const waiting = await contracts.leases.collectableAssets(facility, addresses.asset);
    expect(of("leases").bookedAssets).to.equal(String(kept + waiting));
    expect(kept > 0n).to.equal(true);
    for (const { kind, address, bookedAssets, balanceAssets, asset } of items) {
      expect(balanceAssets, kind).to.equal(await booked(contracts.classToken(asset).balanceOf(address)));
      // Nobody sent anything to these contracts that they do not know of: what they have is owed, to the unit.
      expect(balanceAssets, kind).to.equal(bookedAssets);
    }
    const rest = await get<Page<Reserve>>(`/v1/reserves?after=${items[2]!.address}`);
    expect(rest.items).to.deep.equal(items.slice(3));
    const { items: first, next } = await get<Page<Reserve>>("/v1/reserves?limit=2");
    expect([first, next]).to.deep.equal([items.slice(0, 2), items[1]!.address]);
  });

  it("S08: pages its reserves after a contract of the list, and after nothing else", async () => {
    const { world, program } = given();
    const stranger = world.cast.keeper.address;
    const answer = await fetch(`${program.apiUrl}/v1/reserves?after=${stranger}`);
    expect([answer.status, ((await answer.json()) as Problem).code]).to.deep.equal([400, "Request_Invalid"]);
  });
}
