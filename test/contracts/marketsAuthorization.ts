import { expect } from "chai";
import { Signature, type TypedDataDomain } from "ethers";
import { deployIndebted, ethers, networkHelpers, usd } from "./marketsWorld.ts";

const ORDER_OF_CURVE = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A borrower's signature for a stranger, and what it takes to make others. */
async function signed() {
  const world = await deployIndebted();
  const { markets, borrower, stranger } = world;
  const { name, version, chainId, verifyingContract } = await markets.eip712Domain();
  const domain: TypedDataDomain = { name, version, chainId, verifyingContract };
  const fields = markets.interface.getFunction("setAuthorizationWithSig").inputs[0]!.components!;
  const types = { Authorization: fields.map((field) => ({ name: field.name, type: field.type })) };
  const deadline = BigInt(await networkHelpers.time.latest()) + 3600n;
  const message = {
    authorizer: borrower.address,
    authorized: stranger.address,
    isAuthorized: true,
    nonce: 0n,
    deadline,
  };
  const sign = async (change: Partial<typeof message> = {}, otherDomain: TypedDataDomain = {}) => {
    const whole = { ...message, ...change };
    return Signature.from(await borrower.signTypedData({ ...domain, ...otherDomain }, types, whole));
  };
  return { ...world, domain, types, message, sign };
}

const parts = ({ v, r, s }: Signature) => ({ v, r, s });

describe("Markets authorizations", () => {
  it("let another take out and borrow, until taken back", async () => {
    const { markets, params, lender, borrower, stranger } = await networkHelpers.loadFixture(deployIndebted);
    const other = markets.connect(stranger);
    const verbs = [
      () => other.withdraw(params, 1, 0, lender, stranger),
      () => other.borrow(params, 1, 0, borrower, stranger),
      () => other.withdrawCollateral(params, 1, borrower, stranger),
    ];
    const refused = async () => {
      for (const verb of verbs) {
        await expect(verb()).to.be.revertedWithCustomError(markets, "Market_NotAuthorized");
      }
    };
    await refused();
    for (const owner of [lender, borrower]) await markets.connect(owner).setAuthorization(stranger, true);
    for (const verb of verbs) await verb();
    await expect(markets.connect(lender).setAuthorization(stranger, true)).to.be.revertedWithCustomError(
      markets,
      "Market_AlreadySet",
    );
    for (const owner of [lender, borrower]) await markets.connect(owner).setAuthorization(stranger, false);
    await refused();
  });

  it("are for taking out only: anyone may pay in for anyone", async () => {
    const { markets, params, id, lender, borrower, stranger } = await networkHelpers.loadFixture(deployIndebted);
    await markets.connect(stranger).supply(params, usd(1), 0, lender, "0x");
    await markets.connect(stranger).supplyCollateral(params, usd(1), borrower, "0x");
    await markets.connect(stranger).repay(params, usd(1), 0, borrower, "0x");
    expect(await markets.position(id, stranger)).to.deep.equal([0n, 0n, 0n]);
  });

  describe("by signature", () => {
    it("the type string is that of the ABI", async () => {
      const { markets, types } = await networkHelpers.loadFixture(signed);
      const text = ethers.TypedDataEncoder.from(types).encodeType("Authorization");
      expect(await markets.AUTHORIZATION_TYPEHASH()).to.equal(ethers.id(text));
    });

    it("M22: works whoever brings it, and stands when it is brought again", async () => {
      const { markets, params, borrower, stranger, keeper, message, sign } = await networkHelpers.loadFixture(signed);
      const signature = parts(await sign());
      await markets.connect(keeper).setAuthorizationWithSig(message, signature);
      await expect(markets.connect(stranger).setAuthorizationWithSig(message, signature))
        .to.be.revertedWithCustomError(markets, "Market_WrongNonce")
        .withArgs(borrower.address, 0n, 1n);
      await markets.connect(stranger).borrow(params, 1, 0, borrower, stranger);
      expect(await markets.nonce(borrower)).to.equal(1n);
    });

    it("M21: is refused expired, on another chain or contract, malleable, altered, or by another signer", async () => {
      const { markets, message, sign, keeper, domain, types } = await networkHelpers.loadFixture(signed);
      const good = await sign();
      const refuse = async (error: string, signature: Signature, change: Partial<typeof message> = {}) =>
        expect(
          markets.setAuthorizationWithSig({ ...message, ...change }, parts(signature)),
        ).to.be.revertedWithCustomError(markets, error);
      await refuse("Market_SignatureExpired", await sign({ deadline: 1n }), { deadline: 1n });
      await refuse("Market_WrongNonce", await sign({ nonce: 1n }), { nonce: 1n });
      await refuse("Market_WrongSigner", await sign({}, { chainId: 1n }));
      await refuse("Market_WrongSigner", await sign({}, { verifyingContract: keeper.address }));
      await refuse("Market_WrongSigner", good, { authorized: keeper.address });
      await refuse("Market_WrongSigner", good, { isAuthorized: false });
      await refuse("Market_WrongSigner", Signature.from(await keeper.signTypedData(domain, types, message)));
      const high = "0x" + (ORDER_OF_CURVE - BigInt(good.s)).toString(16);
      await expect(
        markets.setAuthorizationWithSig(message, { v: good.v === 27 ? 28 : 27, r: good.r, s: high }),
      ).to.be.revertedWithCustomError(markets, "ECDSAInvalidSignatureS");
      await expect(
        markets.setAuthorizationWithSig({ ...message, authorizer: ethers.ZeroAddress }, { ...parts(good), v: 0 }),
      ).to.be.revertedWithCustomError(markets, "ECDSAInvalidSignature");
      await markets.setAuthorizationWithSig(message, parts(good));
    });

    it("M21: holds to its deadline's second, and takes back as it gives", async () => {
      const { markets, message, sign, borrower, stranger } = await networkHelpers.loadFixture(signed);
      await networkHelpers.time.setNextBlockTimestamp(message.deadline);
      await markets.setAuthorizationWithSig(message, parts(await sign()));
      expect(await markets.isAuthorized(borrower, stranger)).to.equal(true);
      const back = { isAuthorized: false, nonce: 1n, deadline: message.deadline + 1n };
      await networkHelpers.time.setNextBlockTimestamp(message.deadline + 1n);
      await markets.setAuthorizationWithSig({ ...message, ...back }, parts(await sign(back)));
      expect(await markets.isAuthorized(borrower, stranger)).to.equal(false);
    });
  });
});
