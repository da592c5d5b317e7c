import { expect } from "chai";
import { encodeBytes32String, id, type ContractTransactionResponse } from "ethers";
import { network } from "hardhat";
import { filingCall } from "../../server/protocol/report.ts";
import { networkHelpers as exchangeClock, SHARES, stage } from "../contracts/exchange-world.ts";
import { createWorld, US, USD } from "../contracts/facility-world.ts";
import { ENDS, leasedStage, networkHelpers as leaseClock } from "../contracts/leasesStage.ts";
import { deployIndebted, genesis, pass, usd } from "../contracts/marketsWorld.ts";
import { CHALLENGE_SEC, deployRegistry, deployTelemetry, idle, later, Pen, registerLots, START_AT } from "../contracts/reports.ts";
import { nextReport } from "../contracts/telemetry-year.ts";
import { matchSnapshot, sortedJson } from "./snapshot.ts";

// To add a path: drive it here as its users meet it in steady state (storage in use where it is in use in life), with
// constants only, and name the row "Contract.verb, what decides the cost". Then `npm run snapshots:update` and read
// the diff.

const rows: Record<string, number> = {};

/** Notes what a transaction cost. Gas on the simulated chain is exact, so any difference is a change of the code. */
async function gas(name: string, transaction: Promise<ContractTransactionResponse> | ContractTransactionResponse) {
  const receipt = await (await transaction).wait();
  expect(rows, "each row once").not.to.have.property(name);
  rows[name] = Number(receipt!.gasUsed);
}

describe("gas of the hot paths", () => {
  it("Registry", async () => {
    const { ethers } = await network.create();
    const { registry, operator, stranger: facility } = await deployRegistry(ethers);
    const asOperator = registry.connect(operator);
    await registerLots(registry, operator, 1);
    await gas("Registry.registerSite", asOperator.registerSite("0x4652", encodeBytes32String("FR")));
    await gas("Registry.registerLot", asOperator.registerLot(1, id("H100 SXM"), 64, 2n * 10n ** 12n, 1, id("root")));
    await gas("Registry.offerLien", asOperator.offerLien(1, facility));
    await gas("Registry.takeLien", registry.connect(facility).takeLien(1));
    await gas("Registry.releaseLien", registry.connect(facility).releaseLien(1));
  });

  async function filed(faultyCount: number, lotCount: number) {
    const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });
    const { registry, operator, telemetry, oracles } = await deployTelemetry(ethers, faultyCount);
    await registerLots(registry, operator, lotCount);
    const lots = Array.from({ length: lotCount }, (_, i) => idle(BigInt(i + 1)));
    const pen = new Pen(telemetry, oracles, networkHelpers.time);
    await pen.file(lots);
    return { telemetry, networkHelpers, ...(await pen.file(lots.map((lot) => later(lot)))) };
  }

  it("Telemetry", async () => {
    const { tx, telemetry, networkHelpers, epoch, filing } = await filed(1, 1);
    await gas("Telemetry.submit, 3 signatures, 1 lot", tx);
    await networkHelpers.time.increase(CHALLENGE_SEC);
    await gas("Telemetry.record, 1 lot of 1", telemetry.record(epoch, filingCall(filing), [0]));
    await gas("Telemetry.submit, 3 signatures, 10 lots", (await filed(1, 10)).tx);
    await gas("Telemetry.submit, 5 signatures, 1 lot", (await filed(2, 1)).tx);
    await gas("Telemetry.submit after a year, 5 signatures, roots only", await nextReport(2, 0));
    for (const lotCount of [1, 10])
      await gas(`Telemetry.submit after a year, 3 signatures, lots: ${lotCount}`, await nextReport(1, lotCount));
    await gas("Telemetry.submit after a year, 5 signatures, lots: 100", await nextReport(2, 100));
  });

  it("Leases", async () => {
    const { leases, operator, lessee, payee, coin } = await leasedStage();
    await leases.connect(lessee).prepay(1, 10_000n * USD);
    await leaseClock.time.increaseTo(ENDS[2]);
    await gas("Leases.settle, from escrow", leases.connect(operator).settle(1, 0));
    await gas("Leases.settle, receivable", leases.connect(operator).settle(1, 1));
    await gas("Leases.pay", leases.connect(lessee).pay(1, 1, 4000n * USD));
    await gas("Leases.collect", leases.connect(payee).collect(coin));
  });

  it("Facility and its classes", async () => {
    const world = await createWorld({ plainCoin: true });
    const { facility, senior, gate, alice, bob, carol, perform, payRent, toDate } = world;
    await perform();
    await payRent(100_000n * USD);
    await toDate(0);
    await facility.distribute();
    await senior.connect(alice).claim(alice.address);
    await senior.connect(alice).transfer(carol.address, 1000n * USD);
    await payRent(100_000n * USD);
    await toDate(1);
    await gas("Facility.distribute, 5 steps", facility.distribute());
    await gas("ClassToken.transfer, both hold and accrue", senior.connect(alice).transfer(carol.address, 1000n * USD));
    await gas("ClassToken.claim", senior.connect(alice).claim(alice.address));
    await payRent(100_000n * USD);
    await toDate(2);
    await facility.distribute();
    await gas("ClassToken.claim, first since an accrual", senior.connect(alice).claim(alice.address));
    const lockUps = { homeCountry: US, homeLockUpSec: 86_400, abroadLockUpSec: 86_400, freeCategory: 0 };
    await gate.ruleClass(senior, { ...lockUps, maxHolderCount: 100 });
    const newcomer = senior.connect(alice).transfer(bob.address, 1000n * USD);
    await gas("ClassToken.transfer, to a newcomer, with lock-ups and a limit", newcomer);
  });

  it("Markets", async () => {
    await genesis.restore(); // addresses, and with them the zero bytes of calldata, depend on what was deployed before
    const { markets, params, lender, borrower } = await deployIndebted();
    const asBorrower = markets.connect(borrower);
    await pass(3600n);
    await gas("Markets.supply", markets.connect(lender).supply(params, usd(1000), 0, lender, "0x"));
    await pass(3600n);
    await gas("Markets.supplyCollateral", asBorrower.supplyCollateral(params, usd(100), borrower, "0x"));
    await pass(3600n);
    await gas("Markets.borrow", asBorrower.borrow(params, usd(100), 0, borrower, borrower));
    await pass(3600n);
    await gas("Markets.repay", asBorrower.repay(params, usd(100), 0, borrower, "0x"));
    await pass(3600n);
    await gas("Markets.withdraw", markets.connect(lender).withdraw(params, usd(100), 0, lender, lender));
    await pass(3600n);
    await gas("Markets.withdrawCollateral", asBorrower.withdrawCollateral(params, usd(10), borrower, borrower));
  });

  it("ShareExchange", async () => {
    const { exchange, alice, carol, selling, buying, sign, fill, settle } = await exchangeClock.loadFixture(stage);
    const limit = 2n * selling.assets;
    await exchange.setFee(25);
    await fill(selling, { shares: 1000n }); // from here on all have both tokens
    const own = exchange.connect(carol);
    await gas("ShareExchange.fill, the rest of an order", own.fill(selling, await sign(selling), 1000n, limit, carol));
    const other = { ...selling, salt: id("other") };
    await gas("ShareExchange.fill, flat, first of an order", own.fill(
      ...[{ ...other, maxAccruedAssets: 0n }, await sign({ ...other, maxAccruedAssets: 0n }), SHARES, limit, carol] as const,
    ));
    await gas("ShareExchange.settle", settle(other, buying));
    await gas("ShareExchange.cancel", exchange.connect(alice).cancel(other));
  });

  it("is the one committed", function () {
    const broken = this.test!.parent!.tests.filter(({ state }) => state === "failed");
    expect(broken, "a path that fails has no gas").to.be.empty;
    matchSnapshot("gas.json", sortedJson(rows));
  });
});
