import { expect } from "chai";
import { ZeroAddress, ZeroHash, id, type Wallet } from "ethers";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FUNCTIONS, RESTRICTIONS, ROLES } from "../../scripts/governance.ts";
import { facilityCalls } from "../../scripts/handover.ts";
import type { Program } from "../../server/main.ts";
import type { LotDetail, Problem } from "../../server/protocol/api.ts";
import type * as access from "../../server/protocol/apiAccess.ts";
import type { LeaseDraft, LeaseTermsJson } from "../../server/protocol/apiDrafts.ts";
import type * as registry from "../../server/protocol/apiRegistry.ts";
import { signStatement } from "../../server/protocol/auditStatement.ts";
import { contractsAt, send, type Contracts } from "../../server/protocol/contracts.ts";
import { identityAnchor, nodeKeyHash } from "../../server/protocol/identity.ts";
import { signTerms } from "../../server/protocol/leaseTerms.ts";
import { RESTRICTED } from "../../server/protocol/restricted.ts";
import { domainOf } from "../../server/protocol/typed.ts";
import {
  START_AT,
  getJson,
  runHour,
  startRunning,
  startWorld,
  statusOf,
  type Page,
  type RunningWorld,
} from "./running.ts";
import { getAs, postAs, signedIn } from "./signedIn.ts";

const AUDITOR_FACTS = { fromEpoch: BigInt(START_AT / 3600), findingsHash: id("findings"), opinion: 1n };

describe("read model of registry, access and offers", () => {
  let world: RunningWorld;
  let program: Program;
  let contracts: Contracts;
  let epoch: bigint;

  const as = (wallet: Wallet) => contractsAt(world.deployment.addresses, wallet.connect(world.provider));
  const get = async <T>(path: string): Promise<T> => {
    await program.follow();
    return await getJson<T>(program, path);
  };
  const list = async <T>(path: string): Promise<T[]> => (await get<Page<T>>(path)).items;

  before(async () => {
    world = await startWorld();
    const dataDir = join(world.folder, "data");
    mkdirSync(dataDir);
    program = await startRunning(world, dataDir);
    ({ contracts } = program);
    epoch = await runHour(world, program);
  });

  after(async () => {
    await program.stop();
    await world.stop();
  });

  describe("registry", () => {
    it("gives sites, models and lots, each by filter", async () => {
      const operator = world.cast.operator.address;
      const [site] = await list<registry.Site>(`/v1/sites?operator=${operator}`);
      expect(site).to.include({ siteId: "1", operator, country: "US", nodeCount: 2, lotCount: 2, gpuCount: "4" });
      expect(await list(`/v1/sites?operator=${ZeroAddress}`)).to.deep.equal([]);
      const [model] = await list<registry.Model>("/v1/models");
      expect(model).to.include({ name: world.fleet[0]!.model.name, lotCount: 2, gpuCount: "4" });
      expect(model!.rateWad).to.equal(String((await contracts.computeIndex.newest(model!.modelId)).newestWad));
      const facility = world.deployment.facilities[0]!.address;
      const lots = async (query: string) => (await list<LotDetail>(`/v1/lots?${query}`)).map(({ lotId }) => lotId);
      expect(await lots(`siteId=1&modelId=${model!.modelId}&operator=${operator}`)).to.deep.equal(["1", "2"]);
      expect(await lots(`facility=${facility}&evidenceClass=3&isFrozen=false&isRetired=false&after=1`)).to.deep.equal([
        "2",
      ]);
      expect(await lots("evidenceClass=4")).to.deep.equal([]);
      expect(await lots("isRetired=true")).to.deep.equal([]);
      expect(await lots("siteId=2")).to.deep.equal([]);
    });

    it("gives nodes with their lots, and says which did not report the newest hour", async () => {
      const nodes = await list<registry.NodeRecord>("/v1/nodes");
      expect(
        nodes.map(({ nodeId, lotId, lastEpoch, isMissing }) => [nodeId, lotId, lastEpoch, isMissing]),
      ).to.deep.equal([
        ["1", "1", String(epoch), false],
        ["2", "2", null, true],
      ]);
      expect(nodes[0]!.nodeKeyHash).to.equal(nodeKeyHash(nodes[0]!.publicX as "0x", nodes[0]!.publicY as "0x"));
      expect(await list("/v1/nodes?isMissing=true&limit=1")).to.deep.equal([nodes[1]]);
      expect(await list("/v1/nodes?lotId=1&siteId=1")).to.deep.equal([nodes[0]]);
      expect(await list("/v1/nodes?lotId=2&limit=1")).to.deep.equal([nodes[1]]);
      expect(await list("/v1/nodes?lotId=999999&limit=1")).to.deep.equal([]);
    });

    it("finds a board by its identity anchor, with the liens of its lot", async () => {
      const gpu = world.fleet[1]!.hosts[0]!.gpus[1]!;
      const anchor = identityAnchor(gpu.uuid);
      const found = await get<registry.IdentitySearch>(`/v1/search/identity/${anchor}`);
      expect(found.places).to.have.length(1);
      expect(found.places[0]).to.include({ lotId: "2", deviceIndex: 1, nodeId: "2", state: "Live", untilAt: null });
      expect(found.liens.map(({ event }) => event)).to.deep.equal(["Offered", "Taken"]);
      expect([found.duplicates, found.unknownRoots]).to.deep.equal([[], []]);
      const none = await get<registry.IdentitySearch>(`/v1/search/identity/${ZeroHash}`);
      expect(none.places).to.deep.equal([]);
    });

    it("gives bonds as their contract has them, and what calls for attention", async () => {
      const bonds = await list<registry.Bond>("/v1/bonds");
      expect(bonds.map(({ kind }) => kind)).to.deep.equal(["lot", "lot", "oracle", "oracle", "oracle", "oracle"]);
      for (const { bondId, assets, requiredAssets, isMet, lotId } of bonds) {
        const standing = await contracts.bonds.standingAssets(bondId);
        expect(assets).to.equal(String(standing));
        expect(isMet).to.equal(standing >= BigInt(requiredAssets));
        if (lotId !== null) expect(requiredAssets).to.equal(String(await contracts.bonds.requiredLotAssets(lotId)));
      }
      expect(await list("/v1/disputes")).to.deep.equal([]);
      const alerts = await list<registry.Alert>(`/v1/alerts?operator=${world.cast.operator.address}`);
      expect(alerts.map(({ alertId }) => alertId)).to.include("node/2");
      expect(alerts.find(({ alertId }) => alertId === "node/2")).to.include({ kind: "MissingNode", lotId: "2" });
    });
  });

  describe("access", () => {
    it("RESTRICTED names every function that the access manager guards", () => {
      const named = Object.entries(RESTRICTED).map(([kind, names]) => [kind, [...names].sort()]);
      const governed = Object.entries(FUNCTIONS).map(([kind, rules]) => [kind, Object.keys(rules).sort()]);
      expect(Object.fromEntries(named)).to.deep.equal(Object.fromEntries(governed));
    });

    it("says for every restricted function whose it is, also of facilities that nobody gave roles", async () => {
      const { authority } = contracts;
      const all = await list<access.Access>("/v1/access?limit=200");
      for (const { target, selector, roleId } of all) {
        if (target === world.deployment.addresses.authority) continue;
        expect(roleId, `${target} ${selector}`).to.equal(
          String(await authority.getTargetFunctionRole(target, selector)),
        );
      }
      const { address, classTokens } = world.deployment.facilities[0]!;
      expect(all.filter(({ target }) => target === address).map(({ role }) => role)).to.deep.equal(["ADMIN"]);
      const calls = facilityCalls(address, classTokens);
      await send(as(world.cast.admin).authority.multicall(calls));
      const restrictionCount = RESTRICTIONS.filter(({ contract }) => contract === "classToken").length;
      const token = await list<access.Access>(`/v1/access?target=${classTokens[0]}`);
      expect(token).to.have.length(restrictionCount);
      expect(new Set(token.map(({ role }) => role))).to.deep.equal(new Set(["COMPLIANCE", "FREEZER"]));
      const auditor = await list<access.Access>(`/v1/access?account=${world.cast.auditor.address}`);
      expect(new Set(auditor.map(({ role }) => role))).to.deep.equal(new Set(["AUDITOR"]));
    });

    it("gives roles with members, delays, and announced calls", async () => {
      const { admin, keeper } = world.cast;
      await send(as(admin).authority.grantRole(ROLES.GUARDIAN.roleId, keeper.address, 3600));
      const roles = await list<access.Role>("/v1/access/roles?limit=200");
      const guardian = roles.find(({ role }) => role === "GUARDIAN")!;
      expect(guardian.members.map(({ account, delaySec }) => [account, delaySec])).to.deep.equal([
        [admin.address, 0],
        [keeper.address, 3600],
      ]);
      const data = contracts.facilities.interface.encodeFunctionData("pause");
      await send(as(keeper).authority.schedule(world.deployment.addresses.facilities, data, 0));
      const [call] = await list<access.Operation>("/v1/access/operations");
      expect(call).to.include({
        state: "Waiting",
        caller: keeper.address,
        contract: "facilities",
        signature: "pause()",
      });
      await send(as(keeper).authority.cancel(keeper.address, world.deployment.addresses.facilities, data));
      expect((await list<access.Operation>("/v1/access/operations"))[0]).to.include({ state: "Cancelled" });
      await send(as(admin).authority.revokeRole(ROLES.GUARDIAN.roleId, keeper.address));
      const after = (await list<access.Role>("/v1/access/roles?limit=200")).find(({ role }) => role === "GUARDIAN");
      expect(after!.members).to.have.length(1);
    });
  });

  describe("statements", () => {
    it("are shown with whether the chain holds their report, and withdrawn ones too", async () => {
      const { auditor, keeper } = world.cast;
      const { statements } = contracts;
      const domain = domainOf(await statements.eip712Domain());
      const [{ reportHash }] = (await list<{ reportHash: string }>("/v1/epochs")) as [{ reportHash: string }];
      const signedAt = BigInt((await world.provider.getBlock("latest"))!.timestamp);
      const subject = world.deployment.addresses.telemetry;
      const statement = {
        ...AUDITOR_FACTS,
        auditor: auditor.address,
        subject,
        toEpoch: epoch,
        headHash: reportHash,
        signedAt,
      };
      await send(as(keeper).statements.record(statement, await signStatement(auditor, domain, statement)));
      const other = { ...statement, headHash: id("another") };
      await send(as(keeper).statements.record(other, await signStatement(auditor, domain, other)));
      const shown = await list<access.Statement>(`/v1/statements?auditor=${auditor.address}&subject=${subject}`);
      expect(shown.map(({ isHeadOnChain }) => isHeadOnChain)).to.deep.equal([false, true]);
      expect(shown[1]).to.include({ opinion: "qualified", subjectName: "telemetry", withdrawnAt: null });
      await send(as(auditor).statements.withdraw(other, id("wrong")));
      const [withdrawn] = await list<access.Statement>("/v1/statements?limit=1");
      expect(withdrawn).to.include({ reasonHash: id("wrong") });
      expect(withdrawn!.withdrawnAt).to.not.equal(null);
    });
  });

  describe("lease drafts", () => {
    const termsOf = (change: Partial<LeaseTermsJson> = {}): LeaseTermsJson => ({
      ...{ lotId: "1", lessee: world.cast.lessees[0]!.address, payee: world.deployment.facilities[0]!.address },
      ...{
        asset: world.deployment.addresses.asset,
        pricing: "Metered",
        startAt: String(START_AT + 86_400),
        periodCount: 12,
      },
      ...{ baseRentAssets: "0", gpuHourRateAssets: "2500000" },
      index: { source: ZeroAddress, participationBps: 0, floorAssets: "0", capAssets: "0" },
      efficiency: { metric: "None", targetUnits: 0, sharedBps: 0, maxBps: 0, kWhRateAssets: "0" },
      payment: { dueSec: 864_000, lateFeeBps: 1_000, cureSec: 864_000, prepaidMonthCount: 0, depositAssets: "0" },
      exit: {
        ...{ minPeriodCount: 0, noticeSec: 0, renewalPeriodCount: 0, renewalRentBps: 0 },
        ...{ terminationFeeAssets: "0", purchaseAssets: "0" },
      },
      ...{ tripleNet: false, relatedParty: false, lesseeBucket: 1, countries: ["US"], sla: [] },
      ...{ documentHash: id("contract"), salt: id("salt"), ...change },
    });
    type Answer = LeaseDraft & Pick<Problem, "code">;
    const draft = async (cookie: string, terms: LeaseTermsJson) => {
      await program.follow();
      return await postAs<Answer>(program, cookie, "/v1/lease-drafts", JSON.stringify({ terms }));
    };

    it("go from the operator to the lessee's signature, seen by nobody else but auditors", async () => {
      const { operator, lessees, keeper, auditor } = world.cast;
      expect(await statusOf(program, "/v1/lease-drafts")).to.equal(401);
      const terms = termsOf();
      const [own, stranger] = [await signedIn(program, operator), await signedIn(program, keeper)];
      expect((await draft(stranger, terms)).body.code).to.equal("Draft_NotOperator");
      expect((await draft(own, termsOf({ periodCount: 0 }))).body.code).to.equal("Lease_BadPeriods");
      const { status, body } = await draft(own, terms);
      expect([status, body.state]).to.deep.equal([201, "Drafted"]);
      expect((await draft(own, terms)).status).to.equal(200);
      const path = `/v1/lease-drafts/${body.draftId}`;
      const domain = domainOf(await contracts.leases.eip712Domain());
      const sign = async (cookie: string, by: Wallet) =>
        await postAs<Answer>(
          program,
          cookie,
          `${path}/signature`,
          JSON.stringify({ signature: await signTerms(by, domain, terms) }),
        );
      expect((await getAs(program, stranger, path)).status).to.equal(403);
      const lessee = await signedIn(program, lessees[0]!);
      expect((await sign(stranger, lessees[0]!)).status).to.equal(403);
      expect((await sign(lessee, keeper)).body.code).to.equal("Draft_BadSignature");
      const signed = await sign(lessee, lessees[0]!);
      expect(signed.body.state).to.equal("Signed");
      for (const cookie of [own, lessee, await signedIn(program, auditor)]) {
        expect((await getAs<Page<LeaseDraft>>(program, cookie, "/v1/lease-drafts")).body.items).to.have.length(1);
      }
      expect((await getAs<Page<LeaseDraft>>(program, stranger, "/v1/lease-drafts")).body.items).to.deep.equal([]);
    });
  });
});
