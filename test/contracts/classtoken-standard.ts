import { expect } from "chai";
import type { Interface } from "ethers";
import { createToken } from "./facility-world.ts";

// The standards as published, in numbers: another name, order or type of a parameter changes the word.
const FUNCTIONS = {
  ...{ totalSupply: "0x18160ddd", balanceOf: "0x70a08231", transfer: "0xa9059cbb", transferFrom: "0x23b872dd" },
  ...{
    approve: "0x095ea7b3",
    allowance: "0xdd62ed3e",
    name: "0x06fdde03",
    symbol: "0x95d89b41",
    decimals: "0x313ce567",
  },
  ...{ permit: "0xd505accf", nonces: "0x7ecebe00", DOMAIN_SEPARATOR: "0x3644e515", eip712Domain: "0x84b0196e" },
  ...{ forcedTransfer: "0x9fc1d0e7", setFrozenTokens: "0xebe45cba", getFrozenTokens: "0x158b1a57" },
  ...{ canSend: "0x2bc06a92", canReceive: "0x90d370ba", canTransfer: "0xe46638e6", supportsInterface: "0x01ffc9a7" },
};
const EVENTS = {
  Transfer: "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
  Approval: "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925",
  ForcedTransfer: "0x7b3ce50c216d2ccf9919c6b9f1bfb33f0350a33010f188750b4af38e00448138",
  Frozen: "0x68e0d8c112165d0949ce87205b719ed7d98c7401866c34a159f7c67c6f5620e7",
};
const ERRORS = {
  ...{ ERC7943CannotSend: "0x45bae9e2", ERC7943CannotReceive: "0x705c1eed", ERC7943CannotTransfer: "0x22dda4be" },
  ...{ ERC7943InsufficientUnfrozenBalance: "0x00384e71", ERC20InsufficientBalance: "0xe450d38c" },
};
const PERMIT = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
};

describe("ClassToken: standards", () => {
  let w: Awaited<ReturnType<typeof createToken>>;
  beforeEach(async () => {
    w = await createToken();
  });

  describe("ERC-20, ERC-2612, ERC-5267, ERC-165, ERC-7943", () => {
    it("have each function, event and error under the published word", () => {
      const abi: Interface = w.token.interface;
      for (const [name, selector] of Object.entries(FUNCTIONS)) {
        expect(abi.getFunction(selector)?.name, selector).to.equal(name);
      }
      for (const [name, topic] of Object.entries(EVENTS)) {
        expect(abi.getEvent(topic)?.name, topic).to.equal(name);
      }
      for (const [name, selector] of Object.entries(ERRORS)) {
        expect(abi.getError(selector)?.name, selector).to.equal(name);
      }
    });

    it("index the parameters that the standards index", async () => {
      await w.token.setFrozenTokens(w.alice.address, 600);
      const receipt = await (await w.token.forcedTransfer(w.alice.address, w.carol.address, 200)).wait();
      const word = (address: string) => w.ethers.zeroPadValue(address, 32).toLowerCase();
      const [alice, carol] = [word(w.alice.address), word(w.carol.address)];
      // The frozen amount falls before the shares move.
      expect(receipt?.logs.map(({ topics, data }) => [...topics, BigInt(data)])).to.deep.equal([
        [EVENTS.Frozen, alice, 400n],
        [EVENTS.Transfer, alice, carol, 200n],
        [EVENTS.ForcedTransfer, alice, carol, 200n],
      ]);
    });

    it("answer for the interfaces 0x3edbb4c4 and 0x01ffc9a7, and for 0xffffffff no", async () => {
      expect(await w.token.supportsInterface("0x3edbb4c4")).to.equal(true);
      expect(await w.token.supportsInterface("0x01ffc9a7")).to.equal(true);
      expect(await w.token.supportsInterface("0xffffffff")).to.equal(false);
      expect(await w.token.supportsInterface("0x29388973")).to.equal(false); // the draft of ERC-7943
    });
  });

  describe("ERC-20", () => {
    it("moves nothing when nothing is asked for, and says so", async () => {
      await expect(w.token.connect(w.alice).transfer(w.carol.address, 0))
        .to.emit(w.token, "Transfer")
        .withArgs(w.alice.address, w.carol.address, 0);
      expect(await w.token.holderCount()).to.equal(2);
    });

    it("takes a transferFrom off the allowance, not off one without end, and refuses more", async () => {
      const { token, alice, bob, carol, ethers } = w;
      await token.connect(alice).approve(bob.address, 100);
      await token.connect(bob).transferFrom(alice.address, carol.address, 60);
      expect(await token.allowance(alice.address, bob.address)).to.equal(40);
      await expect(token.connect(bob).transferFrom(alice.address, carol.address, 41))
        .to.be.revertedWithCustomError(token, "ERC20InsufficientAllowance")
        .withArgs(bob.address, 40, 41);
      await token.connect(alice).approve(bob.address, ethers.MaxUint256);
      await token.connect(bob).transferFrom(alice.address, carol.address, 1);
      expect(await token.allowance(alice.address, bob.address)).to.equal(ethers.MaxUint256);
    });

    it("refuses the zero address", async () => {
      await expect(w.token.connect(w.alice).transfer(w.ethers.ZeroAddress, 1))
        .to.be.revertedWithCustomError(w.token, "ERC20InvalidReceiver")
        .withArgs(w.ethers.ZeroAddress);
    });
  });

  describe("ERC-7943: views", () => {
    it("never revert, whatever they are asked", async () => {
      const { token, ethers } = w;
      const strange = [ethers.ZeroAddress, `0x${"f".repeat(40)}`, await token.getAddress()];
      await token.setFrozenTokens(w.alice.address, ethers.MaxUint256);
      for (const a of [...strange, w.alice.address]) {
        for (const view of [token.canSend(a), token.canReceive(a), token.getFrozenTokens(a)]) await view;
        for (const b of [...strange, w.bob.address]) {
          for (const amount of [0n, 1n, ethers.MaxUint256]) await token.canTransfer(a, b, amount);
        }
      }
      expect(await token.canReceive(ethers.ZeroAddress)).to.equal(false);
    });

    it("more than the balance is ERC-20's error even of a partly frozen holder; more than the rest is ERC-7943's", async () => {
      await w.token.setFrozenTokens(w.alice.address, 500);
      await expect(w.token.connect(w.alice).transfer(w.bob.address, 601))
        .to.be.revertedWithCustomError(w.token, "ERC20InsufficientBalance")
        .withArgs(w.alice.address, 600, 601);
      await expect(w.token.connect(w.alice).transfer(w.bob.address, 600))
        .to.be.revertedWithCustomError(w.token, "ERC7943InsufficientUnfrozenBalance")
        .withArgs(w.alice.address, 600, 100);
    });
  });

  describe("ERC-2612", () => {
    async function signed(
      value = 400n,
      changed: { deadline?: bigint; chainId?: bigint; verifyingContract?: string } = {},
    ) {
      const domain = {
        ...{ name: "Rackbond Class", version: "1" },
        chainId: changed.chainId ?? (await w.ethers.provider.getNetwork()).chainId,
        verifyingContract: changed.verifyingContract ?? (await w.token.getAddress()),
      };
      const nonce = await w.token.nonces(w.bob.address);
      const deadline = changed.deadline ?? w.ethers.MaxUint256;
      const message = { owner: w.bob.address, spender: w.carol.address, value, nonce, deadline };
      const { v, r, s } = w.ethers.Signature.from(await w.bob.signTypedData(domain, PERMIT, message));
      return [message.owner, message.spender, value, deadline, v, r, s] as const;
    }

    it("M22: whoever brings the permit first, the spender gets its allowance and its flow completes", async () => {
      const permit = await signed();
      await w.token.connect(w.mallory).permit(...permit);
      await expect(w.token.connect(w.carol).permit(...permit)).to.be.revertedWithCustomError(
        w.token,
        "ERC2612InvalidSigner",
      );
      expect(await w.token.allowance(w.bob.address, w.carol.address)).to.equal(400);
      await w.token.connect(w.carol).transferFrom(w.bob.address, w.carol.address, 400);
      expect(await w.token.balanceOf(w.carol.address)).to.equal(400);
    });

    it("M21: refuses another chain, another class, another value, one that expired", async () => {
      const late = BigInt(await w.networkHelpers.time.latest()) - 1n;
      const [owner, spender, , deadline, ...signature] = await signed();
      const refused = [
        await signed(400n, { chainId: 1n }),
        await signed(400n, { verifyingContract: await w.senior.getAddress() }),
        [owner, spender, 401n, deadline, ...signature] as const,
      ];
      for (const permit of refused) {
        await expect(w.token.permit(...permit)).to.be.revertedWithCustomError(w.token, "ERC2612InvalidSigner");
      }
      await expect(w.token.permit(...(await signed(400n, { deadline: late }))))
        .to.be.revertedWithCustomError(w.token, "ERC2612ExpiredSignature")
        .withArgs(late);
      expect(await w.token.nonces(w.bob.address)).to.equal(0);
    });

    it("has the clone's address in its domain, not the implementation's", async () => {
      const [, name, version, , verifyingContract] = await w.token.eip712Domain();
      expect([name, version, verifyingContract]).to.deep.equal(["Rackbond Class", "1", await w.token.getAddress()]);
      expect(await w.token.DOMAIN_SEPARATOR()).not.to.equal(await w.implementation.DOMAIN_SEPARATOR());
    });
  });
});
