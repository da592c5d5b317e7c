import { expect } from "chai";
import { Wallet } from "ethers";

import { INTERFACES, send } from "../../server/protocol/contracts.ts";
import { CONTRACT_ROLES, OFFICES, RESTRICTIONS, ROLES, type RoleName } from "../../scripts/governance.ts";
import { facilityCalls } from "../../scripts/handover.ts";
import { callOf, samplesOf, startDeployed, verbsOf, type Deployed, type Sample } from "./governance-world.ts";

// Against the system as it is really deployed, seeded and handed over.

const STRANGER = Wallet.createRandom().address;
/** Of a facility's settings; the first payment date is next. */
const RAISE_UNTIL_INDEX = 6;
const WEEK_SEC = 7 * 86_400;
const roleOf = (roleId: bigint) =>
  (Object.keys(ROLES) as RoleName[]).find((role) => ROLES[role].roleId === roleId) ?? String(roleId);

describe("Governance", function () {
  this.timeout(120_000);
  let d: Deployed;
  let samples: Record<string, Sample>;

  before(async () => {
    d = await startDeployed();
    samples = samplesOf(d);
  });
  after(() => d.stop());

  describe("the table", () => {
    it("M24: has every restricted function of every contract that answers to the access manager, and no other", async () => {
      for (const { contract, target } of d.targets) {
        const restricted = [];
        for (const { name, selector, data } of verbsOf(contract)) {
          // Only the access manager itself changes it: its `updateAuthority`, the administrator's.
          if (name === "setAuthority") continue;
          const outcome = await d.outcome(STRANGER, target, data).catch(() => "another revert");
          if (outcome === "AccessManagedUnauthorized") restricted.push(selector);
        }
        const listed = RESTRICTIONS.filter((one) => one.contract === contract).map(({ selector }) => selector);
        expect(restricted, contract).to.have.members(listed);
      }
    });

    it("M24: has every deployed contract that has an authority, under this one", async () => {
      const governed = new Map(d.targets.map(({ target, contract }) => [target, contract]));
      const { addresses, facilities } = d.deployment;
      const all = [...Object.values(addresses), ...facilities.flatMap((one) => [one.address, ...one.classTokens])];
      const found = [];
      for (const address of all) {
        const data = INTERFACES.facilities.encodeFunctionData("authority");
        const answer = await d.provider.call({ to: address, data }).catch(() => "0x");
        if (answer === "0x") continue;
        expect(INTERFACES.facilities.decodeFunctionResult("authority", answer)[0], address).to.equal(
          addresses.authority,
        );
        found.push(address);
      }
      expect(found).to.have.members([...governed.keys()]);
    });

    it("is what the access manager has, function by function", async () => {
      for (const { contract, target } of d.targets)
        for (const { name, selector, role } of RESTRICTIONS.filter((one) => one.contract === contract)) {
          const roleId = await d.contracts.authority.getTargetFunctionRole(target, selector);
          expect(roleOf(roleId), `${contract}.${name}`).to.equal(role);
        }
    });

    it("has no function role beyond it", async () => {
      const { authority } = d.contracts;
      const set = await authority.queryFilter(authority.filters.TargetFunctionRoleUpdated());
      const listed = d.targets.flatMap(({ contract, target }) =>
        RESTRICTIONS.filter((one) => one.contract === contract).map(({ selector }) => `${target} ${selector}`),
      );
      for (const { args } of set) expect(listed).to.include(`${args.target} ${args.selector}`);
    });

    it("M24: gives each role to its seats with its delay, and to nobody else; the deployer keeps none", async () => {
      const { authority } = d.contracts;
      const granted = await authority.queryFilter(authority.filters.RoleGranted());
      const members = new Map<RoleName, Map<string, bigint>>();
      for (const { args } of granted) {
        const [isMember, delaySec] = await authority.hasRole(args.roleId, args.account);
        const role = roleOf(args.roleId) as RoleName;
        if (!members.has(role)) members.set(role, new Map());
        if (isMember) members.get(role)!.set(args.account, delaySec);
      }
      expect([...members.keys()]).to.have.members(Object.keys(ROLES));
      for (const [role, { delaySec }] of Object.entries(ROLES)) {
        const seats = d.holdersOf({ role } as (typeof RESTRICTIONS)[number]);
        expect(Object.fromEntries(members.get(role as RoleName)!), role).to.deep.equal(
          Object.fromEntries(seats.map((seat) => [seat, BigInt(delaySec)])),
        );
      }
      const offices = OFFICES.map((office) => d.cast.offices[office].address);
      expect(new Set(offices).size).to.equal(offices.length);
      expect(offices).to.not.include(d.cast.admin.address);
    });

    it("leaves every role to the administrator, and no role a guardian who could undo it", async () => {
      for (const { roleId } of Object.values(ROLES)) {
        expect(await d.contracts.authority.getRoleAdmin(roleId)).to.equal(ROLES.ADMIN.roleId);
        expect(await d.contracts.authority.getRoleGuardian(roleId)).to.equal(ROLES.ADMIN.roleId);
      }
    });

    it("makes what is done to a contract's roles wait even for an administrator without a delay", async () => {
      await d.aside(async () => {
        await d.advanceTo((await d.nowAt()) + 5 * 86_400 + 60);
        for (const { target } of d.targets)
          expect(await d.contracts.authority.getTargetAdminDelay(target)).to.equal(BigInt(ROLES.ADMIN.delaySec));
      });
    });
  });

  describe("a restricted function", () => {
    for (const restriction of RESTRICTIONS) {
      const { contract, name, role } = restriction;
      const { delaySec } = ROLES[role];
      describe(`${contract}.${name} (${role})`, () => {
        it("M24: refuses a stranger, the deployer and every other role", async () => {
          const target = d.targetOf(restriction);
          const { data } = callOf(restriction, samples);
          const others = OFFICES.filter((office) => office !== role).map((office) => d.cast.offices[office].address);
          for (const from of [STRANGER, d.cast.admin.address, ...others]) {
            expect(await d.outcome(from, target, data), from).to.equal("AccessManagedUnauthorized");
            const ways = [
              INTERFACES.authority.encodeFunctionData("execute", [target, data]),
              INTERFACES.authority.encodeFunctionData("schedule", [target, data, 0]),
            ];
            for (const way of ways) {
              const outcome = await d.outcome(from, d.deployment.addresses.authority, way);
              expect(outcome, from).to.equal("AccessManagerUnauthorizedCall");
            }
          }
        });

        if (delaySec === 0) {
          it("is its role's, at once", async () => {
            const { data, refusal } = callOf(restriction, samples);
            for (const holder of d.holdersOf(restriction))
              expect(await d.outcome(holder, d.targetOf(restriction), data)).to.equal(refusal);
          });
          return;
        }

        it("M24: is its role's after its delay, and neither before, nor cancelled, nor a week later", async () => {
          await d.aside(async () => {
            const { authority } = d.deployment.addresses;
            const target = d.targetOf(restriction);
            const { data, refusal } = callOf(restriction, samples);
            const [holder] = d.holdersOf(restriction) as [string];
            const wallet = d.cast.offices[role as "RISK"];
            expect(wallet.address).to.equal(holder);
            const executing = INTERFACES.authority.encodeFunctionData("execute", [target, data]);
            const outcomes = async () =>
              [await d.outcome(holder, target, data), await d.outcome(holder, authority, executing)] as const;

            expect(await outcomes()).to.deep.equal(["AccessManagerNotScheduled", "AccessManagerNotScheduled"]);
            const soonAt = (await d.nowAt()) + delaySec - 60;
            const tooSoon = INTERFACES.authority.encodeFunctionData("schedule", [target, data, soonAt]);
            expect(await d.outcome(holder, authority, tooSoon)).to.equal("AccessManagerUnauthorizedCall");

            const scheduledAt = await d.nowAt();
            const dueAt = await d.schedule(wallet, target, data);
            expect(dueAt - scheduledAt).to.be.within(delaySec, delaySec + 10);
            expect(await outcomes()).to.deep.equal(["AccessManagerNotReady", "AccessManagerNotReady"]);
            await d.aside(async () => {
              await send(d.as(wallet).authority.cancel(holder, target, data));
              await d.advanceTo(dueAt + 60);
              expect(await outcomes()).to.deep.equal(["AccessManagerNotScheduled", "AccessManagerNotScheduled"]);
            });
            await d.advanceTo(dueAt - 60);
            expect(await outcomes()).to.deep.equal(["AccessManagerNotReady", "AccessManagerNotReady"]);
            await d.advanceTo(dueAt + 1);
            expect(await outcomes()).to.deep.equal([refusal, refusal]);
            // What was announced is nobody else's to make.
            expect(await d.outcome(STRANGER, authority, executing)).to.equal("AccessManagerUnauthorizedCall");
            await d.advanceTo(dueAt + WEEK_SEC + 60);
            expect(await outcomes()).to.deep.equal(["AccessManagerExpired", "AccessManagerExpired"]);
          });
        });
      });
    }
  });

  describe("a role", () => {
    const council = () => d.cast.offices.ADMIN;
    const afterAdmin = async (data: string) => {
      const { authority } = d.deployment.addresses;
      await d.advanceTo((await d.schedule(council(), authority, data)) + 1);
      await send(d.as(council()).authority.execute(authority, data));
    };

    for (const role of OFFICES) {
      const own = RESTRICTIONS.filter((one) => one.role === role);
      if (own.length === 0) continue;
      it(`M24: ${role}: taken away, it does nothing any more, not even what it announced`, async () => {
        await d.aside(async () => {
          const wallet = d.cast.offices[role];
          const { authority } = d.deployment.addresses;
          const revoking = INTERFACES.authority.encodeFunctionData("revokeRole", [ROLES[role].roleId, wallet.address]);
          const [first] = own as [(typeof own)[number]];
          const announced = callOf(first, samples).data;
          const untilAt = await d.schedule(council(), authority, revoking);
          await d.advanceTo(untilAt - ROLES[role].delaySec + 10);
          if (ROLES[role].delaySec > 0) await d.schedule(wallet, d.targetOf(first), announced);
          await d.advanceTo(untilAt + 60);
          await send(d.as(council()).authority.execute(authority, revoking));
          for (const restriction of own) {
            const { data } = callOf(restriction, samples);
            const target = d.targetOf(restriction);
            expect(await d.outcome(wallet.address, target, data)).to.equal("AccessManagedUnauthorized");
          }
          const executing = INTERFACES.authority.encodeFunctionData("execute", [d.targetOf(first), announced]);
          expect(await d.outcome(wallet.address, authority, executing)).to.equal("AccessManagerUnauthorizedCall");
        });
      });
    }

    it("M24: is given and taken by the administrator alone, after five days", async () => {
      const { authority } = d.deployment.addresses;
      const code = INTERFACES.authority;
      const grant = code.encodeFunctionData("grantRole", [ROLES.GUARDIAN.roleId, STRANGER, 0]);
      const revoke = code.encodeFunctionData("revokeRole", [ROLES.GUARDIAN.roleId, d.cast.offices.GUARDIAN.address]);
      for (const data of [grant, revoke]) {
        expect(await d.outcome(council().address, authority, data)).to.equal("AccessManagerNotScheduled");
        for (const office of OFFICES.filter((one) => one !== "ADMIN")) {
          const from = d.cast.offices[office].address;
          expect(await d.outcome(from, authority, data), office).to.equal("AccessManagerUnauthorizedAccount");
        }
      }
      await d.aside(async () => {
        await afterAdmin(grant);
        expect((await d.contracts.authority.hasRole(ROLES.GUARDIAN.roleId, STRANGER)).isMember).to.equal(true);
      });
    });

    it("M24: whose key was stolen is given up by its owner at once", async () => {
      await d.aside(async () => {
        const wallet = d.cast.offices.FREEZER;
        await send(d.as(wallet).authority.renounceRole(ROLES.FREEZER.roleId, wallet.address));
        const data = INTERFACES.gate.encodeFunctionData("freeze", [STRANGER, true]);
        expect(await d.outcome(wallet.address, d.deployment.addresses.gate, data)).to.equal(
          "AccessManagedUnauthorized",
        );
      });
    });

    it("of contracts is held by contracts only", async () => {
      for (const names of Object.values(CONTRACT_ROLES))
        for (const name of names) expect(await d.provider.getCode(d.deployment.addresses[name])).to.not.equal("0x");
    });
  });

  describe("a facility created after the hand-over", () => {
    it("M24: is under the administrator until its functions get their roles, after five days", async () => {
      await d.aside(async () => {
        const { authority, facilities } = d.deployment.addresses;
        const { ISSUER, ADMIN, FREEZER, COMPLIANCE } = d.cast.offices;
        const [seeded] = await d.contracts.facilities.queryFilter(d.contracts.facilities.filters.FacilityCreated());
        const settings: unknown[] = [...seeded!.args.settings];
        const raiseUntilAt = (await d.nowAt()) + 10 * 86_400;
        settings.splice(RAISE_UNTIL_INDEX, 2, raiseUntilAt, raiseUntilAt + 30 * 86_400);
        const create = INTERFACES.facilities.encodeFunctionData("create", [settings as never]);
        await d.advanceTo((await d.schedule(ISSUER, facilities, create)) + 1);
        const receipt = await send(d.as(ISSUER).authority.execute(facilities, create));
        const events = receipt.logs.map((log) => INTERFACES.facilities.parseLog(log));
        const created = events.find((event) => event?.name === "FacilityCreated");
        const [facility, tokens] = created!.args.toArray() as [string, string[]];
        const [token] = tokens as [string];

        const freeze = INTERFACES.classToken.encodeFunctionData("setFrozenTokens", [STRANGER, 1]);
        const move = INTERFACES.classToken.encodeFunctionData("recover", [STRANGER, STRANGER]);
        const ends = async (wallet: Wallet, data: string) => d.outcome(wallet.address, token, data);
        expect(await ends(FREEZER, freeze)).to.equal("AccessManagedUnauthorized");
        expect(await ends(COMPLIANCE, move)).to.equal("AccessManagedUnauthorized");
        for (const data of [freeze, move]) expect(await ends(ADMIN, data)).to.equal("AccessManagerNotScheduled");

        const calls = facilityCalls(facility, [...tokens]);
        let dueAt = 0;
        for (const data of calls) dueAt = await d.schedule(ADMIN, authority, data);
        await d.advanceTo(dueAt - 60);
        for (const data of calls)
          expect(await d.outcome(ADMIN.address, authority, data)).to.equal("AccessManagerNotReady");
        await d.advanceTo(dueAt + 1);
        for (const data of calls) await send(d.as(ADMIN).authority.execute(authority, data));
        expect(await ends(FREEZER, freeze)).to.equal(undefined);
        expect(await ends(COMPLIANCE, move)).to.equal("AccessManagerNotScheduled");
        for (const data of [freeze, move]) expect(await ends(ADMIN, data)).to.equal("AccessManagedUnauthorized");
      });
    });
  });

  describe("the guardian", () => {
    it("M24: pauses, and can neither take money, nor hand out a role, nor undo what others announced", async () => {
      const guardian = d.cast.offices.GUARDIAN.address;
      const { authority } = d.deployment.addresses;
      const may = RESTRICTIONS.filter(({ role }) => role === "GUARDIAN").map(({ name }) => name);
      for (const name of may) expect(name).to.match(/^pause/);
      const code = INTERFACES.authority;
      const others = [
        code.encodeFunctionData("grantRole", [ROLES.ADMIN.roleId, guardian, 0]),
        code.encodeFunctionData("setRoleGuardian", [ROLES.RISK.roleId, ROLES.GUARDIAN.roleId]),
        code.encodeFunctionData("setTargetClosed", [d.deployment.addresses.markets, true]),
        code.encodeFunctionData("updateAuthority", [d.deployment.addresses.markets, guardian]),
        code.encodeFunctionData("setTargetFunctionRole", [
          d.deployment.addresses.gate,
          ["0x12345678"],
          ROLES.GUARDIAN.roleId,
        ]),
      ];
      for (const data of others)
        expect(await d.outcome(guardian, authority, data)).to.equal("AccessManagerUnauthorizedAccount");
      await d.aside(async () => {
        const target = d.deployment.addresses.facilities;
        const data = INTERFACES.facilities.encodeFunctionData("resume");
        await d.schedule(d.cast.offices.RISK, target, data);
        const cancel = code.encodeFunctionData("cancel", [d.cast.offices.RISK.address, target, data]);
        expect(await d.outcome(guardian, authority, cancel)).to.equal("AccessManagerUnauthorizedCancel");
        // The administrator does, at once: an announcement that is seen to be wrong ends there.
        expect(await d.outcome(d.cast.offices.ADMIN.address, authority, cancel)).to.equal(undefined);
      });
    });
  });
});
