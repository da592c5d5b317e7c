import { expect } from "chai";
import { network } from "hardhat";
import {
  OPINIONS,
  signStatement,
  STATEMENT,
  statementHash,
  type AuditStatement,
} from "../../server/protocol/auditStatement.ts";
import { domainOf } from "../../server/protocol/typed.ts";

const { ethers, networkHelpers } = await network.create();

const AUDITOR_ROLE = 1n;
const HOUR_SEC = 3600n;
const [NONE, RECORDED, WITHDRAWN] = [0n, 1n, 2n];
const REASON = ethers.id("an error in the findings");

async function stage() {
  const [admin, auditor, other, stranger] = await ethers.getSigners();
  const authority = await ethers.deployContract("Authority", [admin!.address]);
  await authority.grantRole(AUDITOR_ROLE, auditor!, 0);
  const statements = await ethers.deployContract("AuditStatements", [authority, AUDITOR_ROLE]);
  const domain = domainOf(await statements.eip712Domain());
  const nowAt = BigInt(await networkHelpers.time.latest());
  const toEpoch = nowAt / HOUR_SEC - 1n;
  const statement: AuditStatement = {
    auditor: auditor!.address,
    subject: await authority.getAddress(),
    fromEpoch: toEpoch - 719n,
    toEpoch,
    headHash: ethers.id("the report of the last hour"),
    findingsHash: ethers.id("findings"),
    opinion: BigInt(OPINIONS.indexOf("qualified")),
    signedAt: nowAt,
  };
  const sign = (what = statement, by = auditor!) => signStatement(by, domain, what);
  return {
    ...{ authority, statements, domain, statement, sign },
    ...{ auditor: auditor!, other: other!, stranger: stranger! },
    hash: statementHash(domain, statement),
  };
}

describe("AuditStatements", () => {
  let s: Awaited<ReturnType<typeof stage>>;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  const record = async (statement = s.statement, signature?: string) =>
    s.statements.connect(s.stranger).record(statement, signature ?? (await s.sign(statement)));
  const refused = (sent: Promise<unknown>, error: string, ...args: unknown[]) =>
    expect(sent)
      .to.be.revertedWithCustomError(s.statements, `AuditStatements_${error}`)
      .withArgs(...args);

  it("the type is the ABI's, the hash the core's, the opinions the contract's", async () => {
    const { statements, statement, hash, domain } = s;
    expect(await statements.STATEMENT_TYPEHASH()).to.equal(STATEMENT.typeHash);
    expect(domain).to.include({ name: "Rackbond Audit Statements", version: "1" });
    expect(await statements.hashOf(statement)).to.equal(hash);
    const last = { ...statement, opinion: BigInt(OPINIONS.length - 1) };
    expect(await statements.hashOf(last)).to.equal(statementHash(domain, last));
    await expect(statements.hashOf({ ...statement, opinion: BigInt(OPINIONS.length) })).to.revert(ethers);
  });

  describe("record", () => {
    it("by anyone of what an auditor signed: once", async () => {
      const { statements, statement, hash, auditor } = s;
      await expect(await record())
        .to.emit(statements, "Recorded")
        .withArgs(hash, auditor.address, statement.subject, Object.values(statement));
      expect(await statements.stateOf(hash)).to.equal(RECORDED);
      await refused(record(), "WrongState", hash, RECORDED);
    });

    it("M21: not with another's signature, of another statement, chain or contract", async () => {
      const { statement, hash, auditor, other, sign, domain } = s;
      const wrong = [
        await sign(statement, other),
        await sign({ ...statement, opinion: 0n }),
        await signStatement(auditor, { ...domain, chainId: 1n }, statement),
        await signStatement(auditor, { ...domain, verifyingContract: other.address }, statement),
        "0x",
      ];
      for (const signature of wrong) await refused(record(statement, signature), "BadSignature", hash, auditor.address);
    });

    it("not of who is no auditor, or is none any more; what was recorded stays", async () => {
      const { authority, statements, statement, auditor, other, sign, hash } = s;
      const foreign = { ...statement, auditor: other.address };
      await refused(record(foreign, await sign(foreign, other)), "NotAuditor", other.address);
      await record();
      await authority.revokeRole(AUDITOR_ROLE, auditor);
      const later = { ...statement, findingsHash: ethers.id("later") };
      await refused(record(later), "NotAuditor", auditor.address);
      expect(await statements.stateOf(hash)).to.equal(RECORDED);
    });

    it("of a contract wallet that stands by it (ERC-1271), of no other", async () => {
      const { authority, domain, statement, statements } = s;
      const wallet = await ethers.deployContract("MockWallet");
      const own = { ...statement, auditor: await wallet.getAddress() };
      const hash = statementHash(domain, own);
      await authority.grantRole(AUDITOR_ROLE, wallet, 0);
      await refused(record(own, "0x"), "BadSignature", hash, own.auditor);
      await wallet.accept(hash);
      await record(own, "0x");
      expect(await statements.stateOf(hash)).to.equal(RECORDED);
    });

    it("not of hours in the wrong order, not over when it was signed, or of a signature of the future", async () => {
      const { statement } = s;
      const { fromEpoch, toEpoch } = statement;
      await refused(record({ ...statement, toEpoch: fromEpoch - 1n }), "BadEpochs", fromEpoch, fromEpoch - 1n);
      await record({ ...statement, fromEpoch: toEpoch });
      const overAt = (toEpoch + 1n) * HOUR_SEC;
      await record({ ...statement, signedAt: overAt });
      await refused(record({ ...statement, signedAt: overAt - 1n }), "NotOver", toEpoch, overAt, overAt - 1n);
      const farEpoch = 2n ** 64n - 1n;
      await refused(
        record({ ...statement, toEpoch: farEpoch }),
        ...(["NotOver", farEpoch, 2n ** 64n * HOUR_SEC, statement.signedAt] as const),
      );
      const nextAt = statement.signedAt + 1000n;
      await networkHelpers.time.setNextBlockTimestamp(nextAt - 1n);
      await refused(record({ ...statement, signedAt: nextAt }), "InFuture", nextAt, nextAt - 1n);
      await networkHelpers.time.setNextBlockTimestamp(nextAt);
      await record({ ...statement, signedAt: nextAt });
    });
  });

  describe("withdraw", () => {
    it("by its auditor alone, with the role or without, once and for good", async () => {
      const { authority, statements, statement, auditor, stranger, hash } = s;
      await record();
      await refused(statements.connect(stranger).withdraw(statement, REASON), "NotAuditor", stranger.address);
      await authority.revokeRole(AUDITOR_ROLE, auditor);
      const own = statements.connect(auditor);
      await expect(own.withdraw(statement, REASON))
        .to.emit(statements, "Withdrawn")
        .withArgs(hash, auditor.address, REASON);
      expect(await statements.stateOf(hash)).to.equal(WITHDRAWN);
      await refused(own.withdraw(statement, REASON), "WrongState", hash, WITHDRAWN);
      await refused(record(), "WrongState", hash, WITHDRAWN);
    });

    it("of what nobody recorded yet: it cannot be recorded then", async () => {
      const { statements, statement, auditor, hash } = s;
      expect(await statements.stateOf(hash)).to.equal(NONE);
      await statements.connect(auditor).withdraw(statement, REASON);
      await refused(record(), "WrongState", hash, WITHDRAWN);
    });
  });
});
