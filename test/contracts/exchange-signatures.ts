import { readFileSync } from "node:fs";
import { expect } from "chai";
import { orderHash, ORDER, signOrder, type Order } from "../../server/protocol/order.ts";
import { domainSeparator } from "../../server/protocol/typed.ts";
import { USD } from "./facility-world.ts";
import { ethers, networkHelpers, PRICE, SHARES, stage, STATUS, type Stage } from "./exchange-world.ts";

const ORDER_OF_CURVE = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const vectors = JSON.parse(readFileSync(new URL("../vectors/order.json", import.meta.url), "utf8")) as {
  domain: { name: string; version: string; chainId: string; verifyingContract: string };
  signerKey: string;
  orders: { name: string; order: Record<keyof Order, string> & { isSell: boolean }; hash: string; signature: string }[];
};
const INTEGERS = new Set(["shares", "assets", "maxAccruedAssets", "maxFeeBps", "expiresAt", "nonce"]);
const orderFrom = (json: object) =>
  Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      INTEGERS.has(name) ? BigInt(value as string) : (value as string),
    ]),
  ) as unknown as Order;

describe("ShareExchange: signatures", () => {
  let s: Stage;
  beforeEach(async () => {
    s = await networkHelpers.loadFixture(stage);
  });

  const unsigned = async (order: Order, signature: string) => {
    await expect(s.fill(order, {}, signature))
      .to.be.revertedWithCustomError(s.exchange, "ShareExchange_NotFillable")
      .withArgs(s.hash(order), STATUS.BadSignature);
    expect((await s.exchange.statusOf(order, signature, s.carol))[0]).to.equal(STATUS.BadSignature);
  };

  describe("of an order", () => {
    it("the type is the ABI's, the domain the contract's, the hash the core's", async () => {
      const { exchange, selling, domain } = s;
      expect(await exchange.ORDER_TYPEHASH()).to.equal(ORDER.typeHash);
      expect(domain).to.include({ name: "Rackbond Exchange", version: "1" });
      const odd = { ...selling, taker: s.bob.address, maxFeeBps: 7n, nonce: 2n ** 200n, salt: ethers.id("salt") };
      for (const order of [selling, s.buying, odd]) {
        expect(await exchange.hashOf(order)).to.equal(s.hash(order));
      }
    });

    for (const { name, order, hash, signature } of vectors.orders) {
      it(`${name}: hashed and signed as the vector says`, async () => {
        const domain = { ...vectors.domain, chainId: BigInt(vectors.domain.chainId) };
        expect(orderHash(domain, orderFrom(order))).to.equal(hash);
        const signer = new ethers.Wallet(vectors.signerKey);
        expect(await signOrder(signer, domain, orderFrom(order))).to.equal(signature);
        // What the contract hashes is the same struct in its own domain.
        const own = await s.exchange.hashOf(orderFrom(order));
        const inDomain = (separator: string) => {
          const structHash = ethers.TypedDataEncoder.from(ORDER.types).hash({ ...orderFrom(order) });
          return ethers.keccak256(ethers.concat(["0x1901", separator, structHash]));
        };
        expect(own).to.equal(inDomain(domainSeparator(s.domain)));
        expect(hash).to.equal(inDomain(domainSeparator(domain)));
      });
    }
  });

  describe("M21: by a key", () => {
    it("a fill that was made is not made again by the same signature", async () => {
      const { exchange, selling } = s;
      const signature = await s.sign(selling);
      await s.fill(selling, {}, signature);
      await expect(s.fill(selling, {}, signature))
        .to.be.revertedWithCustomError(exchange, "ShareExchange_NotFillable")
        .withArgs(s.hash(selling), STATUS.Filled);
      // Nor by the other form of it, for what is filled is counted by the order.
      const { compactSerialized } = ethers.Signature.from(signature);
      await expect(s.fill(selling, {}, compactSerialized)).to.be.revertedWithCustomError(
        exchange,
        "ShareExchange_NotFillable",
      );
    });

    it("of another, of another chain or contract, malleable, cut or missing: refused", async () => {
      const { selling, carol, domain } = s;
      const good = ethers.Signature.from(await s.sign(selling));
      const high = ethers.toBeHex(ORDER_OF_CURVE - BigInt(good.s), 32);
      const { r, v, serialized } = good;
      const others = [
        await s.sign(selling, carol),
        await signOrder(s.alice, { ...domain, chainId: 1n }, selling),
        await signOrder(s.alice, { ...domain, verifyingContract: carol.address }, selling),
        await signOrder(s.alice, { ...domain, version: "2" }, selling),
        ethers.concat([r, high, v === 27 ? "0x1c" : "0x1b"]),
        ethers.dataSlice(serialized, 0, 64),
        ethers.concat([serialized, "0x00"]),
        "0x",
      ];
      for (const signature of others) await unsigned(selling, signature);
      await s.fill(selling, {}, serialized);
    });

    it("each field is signed: an order changed in one is not its maker's", async () => {
      const { selling, carol } = s;
      const signature = await s.sign(selling);
      const changes: Partial<Order>[] = [
        { maker: s.bob.address },
        { taker: carol.address },
        { shareToken: await s.residual.getAddress() },
        { asset: await s.residual.getAddress() },
        { isSell: false },
        { shares: SHARES + 1n },
        { assets: PRICE - 1n },
        { maxAccruedAssets: 0n },
        { maxFeeBps: 99n },
        { expiresAt: selling.expiresAt - 1n },
        { nonce: 1n },
        { salt: ethers.id("other") },
      ];
      expect(new Set(changes.flatMap(Object.keys))).to.deep.equal(new Set(Object.keys(selling)));
      for (const change of changes) await unsigned({ ...selling, ...change }, signature);
    });

    it("nobody signs for the zero address", async () => {
      const order = { ...s.selling, maker: ethers.ZeroAddress };
      await unsigned(order, ethers.concat([ethers.id("r"), ethers.toBeHex(1, 32), "0x1b"]));
      await unsigned(order, "0x" + "00".repeat(65));
    });
  });

  describe("M21: by a wallet (ERC-1271)", () => {
    /// A wallet with a credential, shares and money, whose orders it accepts by hash.
    const walletOrder = async () => {
      const { exchange, alice, senior, asset, admit } = s;
      const wallet = await ethers.deployContract("MockWallet");
      const maker = await wallet.getAddress();
      await admit(maker);
      await senior.connect(alice).transfer(maker, SHARES);
      await asset.mint(maker, PRICE);
      await networkHelpers.impersonateAccount(maker);
      await networkHelpers.setBalance(maker, 10n ** 18n);
      const signer = await ethers.getSigner(maker);
      await senior.connect(signer).approve(exchange, ethers.MaxUint256);
      await asset.connect(signer).approve(exchange, ethers.MaxUint256);
      return { wallet, order: { ...s.selling, maker } };
    };

    it("its answer at each fill counts: true, then false, then true again", async () => {
      const { wallet, order } = await walletOrder();
      await unsigned(order, "0x");
      await wallet.accept(s.hash(order));
      await s.fill(order, { shares: USD }, "0x");
      await wallet.accept(ethers.ZeroHash);
      await unsigned(order, "0x");
      await wallet.accept(s.hash(order));
      await s.fill(order, { shares: USD }, "0x1234");
    });

    it("buys as it sells", async () => {
      const { wallet, order } = await walletOrder();
      const buy = { ...order, isSell: false };
      await wallet.accept(s.hash(buy));
      await expect(s.fill(buy, {}, "0x")).to.changeTokenBalance(ethers, s.senior, wallet, SHARES);
    });

    it("M04, M30: while it is asked, nothing is counted that was not moved, and nothing can be moved", async () => {
      const { exchange } = s;
      const { wallet, order } = await walletOrder();
      await wallet.accept(s.hash(order));
      // It looks at the exchange while it is asked, and answers after that.
      await wallet.callWhenAsked(exchange, exchange.interface.encodeFunctionData("filledShares", [s.hash(order)]));
      await s.fill(order, { shares: USD }, "0x");
      // It is asked by a call that changes nothing, so it can cancel or fill nothing then.
      await wallet.callWhenAsked(exchange, exchange.interface.encodeFunctionData("cancelBelow", [9]));
      await unsigned(order, "0x");
      expect(await exchange.minNonce(wallet)).to.equal(0n);
    });
  });

  describe("M22", () => {
    it("a permit with the fill: nothing approved before, for money and for shares", async () => {
      const { exchange, alice, carol, senior, asset } = s;
      await senior.connect(alice).approve(exchange, 0);
      const permit = await permitOf(alice, SHARES);
      const signature = await s.sign(s.buying);
      const own = exchange.connect(alice);
      await own.fillWithPermit(s.buying, signature, SHARES, 0, alice, permit);
      expect(await senior.balanceOf(carol)).to.equal(SHARES);
      expect(await senior.allowance(alice, exchange)).to.equal(0n);
      // The coin knows no permit: the allowance that stands decides.
      await senior.connect(alice).approve(exchange, SHARES);
      const sale = await s.sign(s.selling);
      const buy = async () => exchange.connect(carol).fillWithPermit(s.selling, sale, SHARES, PRICE, carol, permit);
      await asset.connect(carol).approve(exchange, PRICE - 1n);
      await expect(buy()).to.be.revertedWithCustomError(asset, "ERC20InsufficientAllowance");
      await asset.connect(carol).approve(exchange, PRICE);
      await buy();
    });

    it("a permit that somebody brought first: the fill completes", async () => {
      const { exchange, alice, mallory, senior } = s;
      await senior.connect(alice).approve(exchange, 0);
      const permit = await permitOf(alice, SHARES);
      const { v, r, s: half } = ethers.Signature.from({ r: permit.r, yParityAndS: permit.vs });
      await senior.connect(mallory).permit(alice, exchange, SHARES, permit.deadline, v, r, half);
      const signature = await s.sign(s.buying);
      await exchange.connect(alice).fillWithPermit(s.buying, signature, SHARES, 0, alice, permit);
      expect(await senior.balanceOf(s.carol)).to.equal(SHARES);
    });

    it("a permit of another moves nothing of that other's", async () => {
      const { exchange, alice, mallory, senior } = s;
      await senior.connect(alice).approve(exchange, 0);
      await senior.connect(mallory).approve(exchange, 0);
      const permit = await permitOf(alice, SHARES);
      const signature = await s.sign(s.buying);
      await expect(exchange.connect(mallory).fillWithPermit(s.buying, signature, SHARES, 0, mallory, permit))
        .to.be.revertedWithCustomError(senior, "ERC20InsufficientAllowance")
        .withArgs(exchange.target, 0, SHARES);
    });

    const permitOf = async (owner: Stage["alice"], value: bigint) => {
      const { exchange, senior } = s;
      const [, name, version, chainId, verifyingContract] = await senior.eip712Domain();
      const fields = ["owner", "spender"].map((field) => ({ name: field, type: "address" }));
      const numbers = ["value", "nonce", "deadline"].map((field) => ({ name: field, type: "uint256" }));
      const message = {
        owner: owner.address,
        spender: await exchange.getAddress(),
        ...{ value, nonce: await senior.nonces(owner), deadline: ethers.MaxUint256 },
      };
      const domain = { name, version, chainId, verifyingContract };
      const signed = await owner.signTypedData(domain, { Permit: [...fields, ...numbers] }, message);
      const { r, yParityAndS } = ethers.Signature.from(signed);
      return { valueUnits: value, deadline: ethers.MaxUint256, r, vs: yParityAndS };
    };
  });
});
