import { expect } from "chai";
import { ZeroAddress, ZeroHash, type Wallet } from "ethers";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fund } from "../../scripts/seed.ts";
import type { Program } from "../../server/main.ts";
import type * as api from "../../server/protocol/api.ts";
import type { CalendarDate, Holder } from "../../server/protocol/apiFacilities.ts";
import type { Flow, Portfolio, TaxYear } from "../../server/protocol/apiMoney.ts";
import type { MonthlyReport, ReportListItem } from "../../server/protocol/apiReports.ts";
import type { Appraisal, FacilityTelemetry, FacilityValue } from "../../server/protocol/apiValues.ts";
import { contractsAt, send, sendAppraisal, type Contracts } from "../../server/protocol/contracts.ts";
import { signOrder } from "../../server/protocol/order.ts";
import { domainOf } from "../../server/protocol/typed.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import {
  FIRST_PAYMENT_AT,
  HOUR_SEC,
  advanceTo,
  getJson,
  runHour,
  startRunning,
  startWorld,
  type Page,
  type RunningWorld,
} from "./running.ts";

const total = (values: (string | bigint)[]) => values.reduce<bigint>((sum, value) => sum + BigInt(value), 0n);

interface Answered<T> {
  status: number;
  body: T;
}

describe("read model of money", () => {
  let world: RunningWorld;
  let program: Program;
  let contracts: Contracts;
  let facility: string;
  let senior: string;
  let seller: Wallet;
  let buyer: Wallet;
  const epochs: bigint[] = [];
  const get = <T>(path: string): Promise<T> => getJson(program, path);
  const as = (wallet: Wallet) => contractsAt(world.deployment.addresses, wallet.connect(world.provider));

  /** What the API answers an account that signed in. */
  const getAs = async <T>(wallet: Wallet, path: string): Promise<Answered<T>> => {
    const post = (to: string, body: object) =>
      fetch(program.apiUrl + to, {
        ...{ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) },
      });
    const challenge = (await (await post("/v1/session/challenge", { address: wallet.address })).json()) as {
      message: string;
    };
    const signature = await wallet.signMessage(challenge.message);
    const session = await post("/v1/session", { message: challenge.message, signature });
    const cookie = session.headers.get("set-cookie")!.split(";")[0]!;
    const answer = await fetch(program.apiUrl + path, { headers: { cookie } });
    const isJson = answer.headers.get("content-type")?.includes("json") === true;
    return { status: answer.status, body: (isJson ? await answer.json() : await answer.text()) as T };
  };

  /** A payment date with something to pay, a claim, collateral that is posted, and a sale at a twentieth under par. */
  const tradeAndPay = async () => {
    const { provider, cast, deployment } = world;
    const { addresses } = deployment;
    const given = (await contracts.facility(facility).outstandingAssets(0)) / 4n;
    await fund({ provider, addresses }, cast.keeper, facility, given);
    await send(TestStable__factory.connect(addresses.asset, cast.keeper.connect(provider)).transfer(facility, given));
    await send(contracts.facility(facility).sync());
    await advanceTo(provider, FIRST_PAYMENT_AT + HOUR_SEC);
    await send(contracts.facility(facility).distribute());
    await send(as(seller).classToken(senior).claim(seller.address));

    const [market] = deployment.facilities[0]!.markets;
    const { id: _id, ...params } = market!;
    const shares = (await contracts.classToken(senior).balanceOf(seller.address)) / 10n;
    await send(as(seller).classToken(senior).approve(addresses.markets, shares));
    const marketParams = { ...params, lltv: BigInt(params.lltv) };
    await send(as(seller).markets.supplyCollateral(marketParams, shares, seller.address, "0x"));

    const order = {
      ...{ maker: seller.address, taker: ZeroAddress, shareToken: senior, asset: addresses.asset, isSell: true },
      ...{ shares, assets: (shares * 19n) / 20n, maxAccruedAssets: shares, maxFeeBps: 100n, nonce: 0n },
      ...{ expiresAt: BigInt(FIRST_PAYMENT_AT + 1_000 * HOUR_SEC), salt: ZeroHash },
    };
    const signature = await signOrder(seller, domainOf(await contracts.exchange.eip712Domain()), order);
    await send(as(seller).classToken(senior).approve(addresses.exchange, shares));
    await fund({ provider, addresses }, buyer, addresses.exchange, shares * 2n);
    await send(as(buyer).exchange.fill(order, signature, shares, shares * 2n, buyer.address));
    await sendAppraisal(contracts.valuation, facility, [1n, 2n]);
    await program.follow();
  };

  before(async () => {
    world = await startWorld();
    facility = world.deployment.facilities[0]!.address;
    senior = world.deployment.facilities[0]!.classTokens[0]!;
    [seller, buyer] = world.cast.investors as [Wallet, Wallet];
    const dataDir = join(world.folder, "money");
    mkdirSync(dataDir);
    program = await startRunning(world, dataDir);
    contracts = program.contracts;
    for (let n = 0; n < 2; n++) epochs.push(await runHour(world, program));
    await tradeAndPay();
  });

  after(async () => {
    await program.stop();
    await world.stop();
  });

  describe("a facility", () => {
    it("is worth what the valuation says, part by part, also at the appraisals before", async () => {
      const { valuation, leases } = contracts;
      const value = await get<FacilityValue>(`/v1/facilities/${facility}/value`);
      const [live, cash] = [await valuation.facilityValue(facility), await contracts.facility(facility).cashAssets()];
      expect(value).to.include({ exitAssets: String(live.exitAssets), entryAssets: String(live.entryAssets) });
      expect(value).to.include({ computedAt: String(live.computedAt), isUsable: true, heldUntilAt: null });
      const { parts } = value;
      const sum = (...names: (keyof typeof parts)[]) => total(names.map((name) => parts[name]));
      expect(sum("escrowAssets", "collectionsAssets", "reserveAssets", "trappedAssets")).to.equal(cash);
      expect(parts.lotExitAssets).to.equal(String((await valuation.appraisal(facility)).exitAssets));
      const asset = world.deployment.addresses.asset;
      const unpaid = await leases.collectableAssets(facility, asset);
      expect(parts.receivableEntryAssets).to.equal(String(unpaid + (await leases.receivableAssets(facility, asset))));
      const whole = cash + sum("receivableExitAssets", "lotExitAssets") - sum("movedAssets");
      expect(String(whole)).to.equal(value.exitAssets);
      for (const { classIndex, exitPriceWad, entryPriceWad, scheduledYieldBps } of value.classes) {
        expect(exitPriceWad).to.equal(String(await valuation.classPriceWad(facility, classIndex)));
        expect(BigInt(entryPriceWad!) >= BigInt(exitPriceWad!)).to.equal(true);
        // A level-pay note at par yields its coupon, compounded monthly; no schedule says what the residual yields.
        if (classIndex === 0) expect(scheduledYieldBps).to.be.within(850, 1_150);
        else expect(scheduledYieldBps).to.equal(null);
      }
      const { items } = await get<Page<Appraisal>>(`/v1/facilities/${facility}/values`);
      expect(items[0]).to.include({ exitAssets: value.exitAssets, entryAssets: value.entryAssets });
      expect(items[0]!.classes[0]!.exitPriceWad).to.equal(value.classes[0]!.exitPriceWad);
      expect(items.length).to.equal(2);
      const before = await get<Page<Appraisal>>(`/v1/facilities/${facility}/values?before=${items[0]!.blockNumber}`);
      expect(before.items).to.deep.equal(items.slice(1));
    });

    it("does what its lots do together, by the hour and by the day", async () => {
      const [from, to] = [epochs[0]!, epochs[1]!];
      const path = (step: string) => `/v1/facilities/${facility}/telemetry?from=${from}&to=${to}&step=${step}`;
      const { items: hours } = await get<Page<FacilityTelemetry>>(path("hour"));
      expect(hours.map(({ fromEpoch }) => BigInt(fromEpoch))).to.deep.equal(epochs);
      // A page is not empty for the time before the first report, however long that is.
      const early = await get<Page<FacilityTelemetry>>(
        `/v1/facilities/${facility}/telemetry?from=0&to=${to}&step=hour&limit=1`,
      );
      expect([early.items, early.next]).to.deep.equal([hours.slice(0, 1), String(to)]);
      const lots = [1, 2].map((lotId) =>
        get<Page<api.LotMeterRecord>>(`/v1/lots/${lotId}/meters?from=${from}&to=${to}`),
      );
      const ends = (await Promise.all(lots)).map(({ items }) => items.at(-1)!.meter);
      const { items: days } = await get<Page<FacilityTelemetry>>(path("day"));
      for (const name of ["availableGpuSec", "allocatedGpuSec", "facilityEnergyWh"] as const) {
        expect(total(hours.map((hour) => hour[name]))).to.equal(total(ends.map((meter) => meter[name])));
        expect(total(days.map((day) => day[name]))).to.equal(total(ends.map((meter) => meter[name])));
      }
      expect(hours.map(({ reportingCount: count }) => count)).to.deep.equal(["2", "2"]);
      expect(hours.at(-1)).to.include({ coverageBps: 5_000, isFinal: false });
      expect((await get<api.Facility>(`/v1/facilities/${facility}`)).coverageBps).to.equal(5_000);
    });

    it("has a calendar: the date that was run as it was paid, and those to come as its classes' schedules have them", async () => {
      const { items } = await get<Page<CalendarDate>>(`/v1/facilities/${facility}/calendar`);
      const live = contracts.facility(facility);
      const { terms, outstandingAssets } = await live.classAt(0);
      expect(items.length).to.equal(Number(terms.termMonthCount));
      expect(items.map(({ state }) => state).slice(0, 3)).to.deep.equal(["Paid", "Scheduled", "Scheduled"]);
      for (const index of [0, 1, 7]) expect(items[index]!.dueAt).to.equal(String(await live.paymentAt(index)));
      const [senior] = items[0]!.classes;
      const { items: payments } = await get<Page<api.Payment>>(`/v1/facilities/${facility}/payments`);
      const paid = (kind: string) => payments[0]!.steps.find((step) => step.kind === kind)!.paidAssets;
      expect(senior).to.include({ interestPaidAssets: paid("Interest"), principalPaidAssets: paid("Principal") });
      const toCome = items.slice(1).map(({ classes }) => classes[0]!);
      expect(total(toCome.map(({ principalDueAssets }) => principalDueAssets!))).to.equal(outstandingAssets);
      expect(items[1]!.classes[1]).to.include({ interestDueAssets: null, principalDueAssets: null });
    });
  });

  describe("an account", () => {
    it("has what the class token says, with what it cost and brought", async () => {
      const { body } = await getAs<Portfolio>(seller, `/v1/accounts/${seller.address}/portfolio`);
      expect(body.positions.length).to.equal(1);
      const [position] = body.positions;
      const live = contracts.classToken(senior);
      expect(position).to.include({
        shares: String(await live.balanceOf(seller.address)),
        claimableAssets: String(await live.claimableAssets(seller.address)),
        ...{ facility, classIndex: 0, facilityName: "Rackbond One", isValueUsable: true },
      });
      const { postedShares, outstandingAssets, costAssets } = position!;
      const own = BigInt(position!.shares) + BigInt(postedShares);
      expect(BigInt(postedShares)).to.equal((own + BigInt(postedShares)) / 10n);
      const perShareRay = await live.principalPerShareRay();
      expect(BigInt(outstandingAssets)).to.equal(own - (own * perShareRay) / 10n ** 27n);
      // It paid par: what its shares cost is what is left of their principal.
      expect(Number(BigInt(costAssets) - BigInt(outstandingAssets))).to.be.within(-1, 1);
      const worth = await contracts.valuation.classValue(facility, 0);
      const supply = await live.totalSupply();
      expect(position!.valueAssets).to.equal(String((worth.exitAssets * own) / supply));
      // It sold a tenth for 95 % of par, of which a little was repaid.
      expect(Number(position!.realisedAssets) / Number(postedShares)).to.be.within(-0.06, -0.03);
      expect(body.totals.map(({ costAssets: cost, xirrBps }) => [cost, xirrBps])).to.deep.equal([
        [costAssets, position!.xirrBps],
      ]);
      expect(position!.xirrBps).to.equal(null); // it is not a week old
    });

    it("has a flow for each thing that happened, which add up to what it has", async () => {
      const { body } = await getAs<Page<Flow>>(seller, `/v1/accounts/${seller.address}/flows`);
      const kinds = body.items.map(({ kind }) => kind);
      expect(kinds).to.deep.equal(["Subscribed", "Interest", "Principal", "Claimed", "Posted", "Sold"]);
      const { positions } = (await getAs<Portfolio>(seller, `/v1/accounts/${seller.address}/portfolio`)).body;
      const last = body.items.at(-1)!;
      expect(BigInt(last.heldShares)).to.equal(total([positions[0]!.shares, positions[0]!.postedShares]));
      expect(last.costAssets).to.equal(positions[0]!.costAssets);
      expect(total(body.items.map(({ shares }) => shares))).to.equal(BigInt(last.heldShares));
      const [interest, principal, claimed] = body.items.slice(1, 4);
      // Two fractions of a unit may be a whole one.
      expect(Number(BigInt(claimed!.assets) - total([interest!.accruedAssets, principal!.accruedAssets]))).to.be.within(
        0,
        1,
      );
      const bought = (await getAs<Page<Flow>>(buyer, `/v1/accounts/${buyer.address}/flows?token=${senior}`)).body;
      const fill = bought.items.at(-1)!;
      expect(fill).to.include({ kind: "Bought", counterparty: seller.address, shares: last.shares.slice(1) });
      expect(BigInt(fill.assets) + BigInt(last.assets)).to.equal(-BigInt(last.feeAssets));
      expect(fill.incomeAssets).to.equal(String(-BigInt(last.incomeAssets)));
      const next = await getAs<Page<Flow>>(
        seller,
        `/v1/accounts/${seller.address}/flows?limit=2&after=${interest!.key}`,
      );
      expect(next.body.items).to.deep.equal(body.items.slice(2, 4));
    });

    it("has its taxable year, and the same as CSV", async () => {
      const year = new Date(FIRST_PAYMENT_AT * 1000).getUTCFullYear();
      const { body } = await getAs<TaxYear>(seller, `/v1/accounts/${seller.address}/tax/${year}`);
      const { items } = (await getAs<Page<Flow>>(seller, `/v1/accounts/${seller.address}/flows?year=${year}`)).body;
      const sold = items.find(({ kind }) => kind === "Sold")!;
      const [sums] = body.totals;
      expect(sums).to.include({ basisAssets: sold.basisAssets, gainAssets: sold.gainAssets });
      expect(BigInt(sums!.proceedsAssets) - BigInt(sums!.basisAssets)).to.equal(BigInt(sums!.gainAssets));
      expect(BigInt(sums!.interestAssets)).to.equal(total(items.map(({ incomeAssets }) => incomeAssets)));
      const csv = await getAs<string>(seller, `/v1/accounts/${seller.address}/flows?year=${year}&format=csv`);
      const [head, ...lines] = csv.body.trim().split("\r\n");
      expect(head)
        .to.match(/^key,at,kind,facility,/)
        .and.include("gainAssets");
      expect(lines.length).to.equal(items.length);
      const earlier = await getAs<Page<Flow>>(seller, `/v1/accounts/${seller.address}/flows?year=${year - 2}`);
      expect(earlier.body.items).to.deep.equal([]);
    });

    it("S21: is shown to itself and to auditors, and to nobody else", async () => {
      for (const path of ["portfolio", "flows", "tax/2026"]) {
        const url = `/v1/accounts/${seller.address}/${path}`;
        expect((await fetch(program.apiUrl + url)).status, path).to.equal(401);
        expect((await getAs(buyer, url)).status, path).to.equal(403);
        expect((await getAs(world.cast.auditor, url)).status, path).to.equal(200);
      }
    });
  });

  describe("a month's report", () => {
    it("tells the month from its start to its end, and where the cash of it went", async () => {
      const url = `/v1/facilities/${facility}/reports`;
      const { items } = await get<Page<ReportListItem>>(url);
      expect(items.map(({ month, isOver }) => [month, isOver])).to.deep.equal([
        ["2026-01", false],
        ["2025-12", true],
      ]);
      const [january, december] = [
        await get<MonthlyReport>(`${url}/2026-01`),
        await get<MonthlyReport>(`${url}/2025-12`),
      ];
      const live = await get<api.Facility>(`/v1/facilities/${facility}`);
      const { items: payments } = await get<Page<api.Payment>>(`/v1/facilities/${facility}/payments`);
      expect(january.payments).to.deep.equal(payments);
      expect([december.payments, december.classes[0]!.startAssets]).to.deep.equal([[], "0"]);
      expect(december.classes[0]!.endAssets).to.equal(live.classes[0]!.totalShares);
      for (const [
        index,
        { startAssets, endAssets, principalPaidAssets, interestPaidAssets },
      ] of january.classes.entries()) {
        const { outstandingAssets, interestPaidAssets: paid } = live.classes[index]!;
        expect([startAssets, endAssets]).to.deep.equal([december.classes[index]!.endAssets, outstandingAssets]);
        expect(BigInt(startAssets) - BigInt(endAssets)).to.equal(BigInt(principalPaidAssets));
        expect(interestPaidAssets).to.equal(paid);
      }
      const { startAssets, rentAssets, otherAssets, feesAssets, classesAssets, endAssets } = january.cash;
      expect(startAssets).to.equal(december.cash.endAssets);
      expect(total([rentAssets, otherAssets]) - total([feesAssets, classesAssets])).to.equal(
        BigInt(endAssets) - BigInt(startAssets),
      );
      // No rent was due: what came in is the surplus that was booked.
      const given = total(payments[0]!.steps.map(({ paidAssets }) => paidAssets));
      expect([rentAssets, otherAssets]).to.deep.equal(["0", String(given)]);
      expect(BigInt(endAssets)).to.equal(await contracts.facility(facility).cashAssets());
      expect(january.value.exitAssets).to.equal(
        (await get<FacilityValue>(`/v1/facilities/${facility}/value`)).exitAssets,
      );
      expect(january.telemetry).to.include({ gpuCount: "4", isFinal: false });
      expect((await fetch(`${program.apiUrl}${url}/2025-11`)).status).to.equal(404);
      expect((await fetch(`${program.apiUrl}${url}/2026-02`)).status).to.equal(404);
      expect(await (await fetch(`${program.apiUrl}${url}/2026-01.csv`)).text()).to.include("2026-01,Cash,");
    });
  });

  describe("holders", () => {
    it("are as the class tokens have them, with their credentials, for who may see them", async () => {
      const url = `/v1/facilities/${facility}/holders`;
      expect((await fetch(program.apiUrl + url)).status).to.equal(401);
      expect((await getAs(buyer, url)).status).to.equal(403);
      const { body } = await getAs<Page<Holder>>(world.cast.sponsor, url);
      for (const { classIndex, account, shares, isVerified } of body.items) {
        const live = contracts.classToken(world.deployment.facilities[0]!.classTokens[classIndex]!);
        expect(shares).to.equal(String(await live.balanceOf(account)));
        expect(isVerified, account).to.equal(await contracts.gate.isVerified(account));
      }
      const shown = await get<api.Facility>(`/v1/facilities/${facility}`);
      for (const { classIndex, holderCount, totalShares, largestHolderBps } of shown.classes) {
        const own = body.items.filter((holder) => holder.classIndex === classIndex);
        expect(own.length).to.equal(holderCount);
        expect(total(own.map(({ shares }) => shares))).to.equal(BigInt(totalShares));
        expect(Math.max(...own.map(({ partBps }) => partBps))).to.equal(largestHolderBps);
      }
      const first = await getAs<Page<Holder>>(world.cast.auditor, `${url}?limit=2`);
      const rest = await getAs<Page<Holder>>(world.cast.auditor, `${url}?after=${first.body.next}`);
      expect([...first.body.items, ...rest.body.items]).to.deep.equal(body.items);
    });
  });
});
