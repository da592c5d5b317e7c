import { expect } from "chai";
import type { Result } from "ethers";
import type { Terms } from "./leasesStage.ts";
import {
  at,
  BASE,
  domainOf,
  ENDS,
  ethers,
  LOT_ID,
  leasedStage,
  networkHelpers,
  stage,
  TERMS_TYPES,
} from "./leasesStage.ts";

const { time } = networkHelpers;
const OTHER_LOT_ID = 8n;

describe("Leases: opening", () => {
  describe("open", () => {
    describe("given the operator's call and the lessee's signature", () => {
      it("opens lease 1, live on its lot, with all of its terms in the event", async () => {
        const { leases, operator, lessee, payee, terms, open } = await stage();
        const tx = await open();
        await expect(tx)
          .to.emit(leases, "Opened")
          .withArgs(1, LOT_ID, lessee, operator, Object.values({ ...terms, sla: terms.sla.map(Object.values) }));
        expect(await leases.leaseCount()).to.equal(1);
        expect(await leases.leaseOf(LOT_ID)).to.equal(1);
        expect(await leases.payeeOf(1)).to.equal(payee);
        const stored = await leases.lease(1);
        expect((stored.terms as unknown as Result).toObject(true)).to.deep.equal({
          ...terms,
          pricing: 0n,
          startAt: BigInt(terms.startAt),
          periodCount: 3n,
          dueSec: BigInt(terms.dueSec),
          sla: [
            { availabilityBps: 9900n, creditBps: 1000n },
            { availabilityBps: 9500n, creditBps: 2500n },
          ],
        });
        expect([stored.settledCount, stored.prepaidAssets, stored.owedAssets]).to.deep.equal([0n, 0n, 0n]);
      });

      it("counts on: the next lot's lease is 2", async () => {
        const { leases, payee, lots, addLot, open } = await leasedStage();
        await addLot(OTHER_LOT_ID);
        await lots.connect(payee).takeLien(OTHER_LOT_ID);
        await open({ lotId: OTHER_LOT_ID });
        expect(await leases.leaseOf(OTHER_LOT_ID)).to.equal(2);
      });

      it("takes the operator as the payee of a lot without a lien", async () => {
        const { leases, operator, addLot, open } = await stage();
        await addLot(OTHER_LOT_ID);
        await open({ lotId: OTHER_LOT_ID, payee: operator.address });
        expect(await leases.payeeOf(1)).to.equal(operator);
      });

      it("may start today: the midnight before this block", async () => {
        const { leases, open } = await stage();
        await time.setNextBlockTimestamp(at("2030-01-31") + 86_399);
        await open({ startAt: at("2030-01-31") });
        expect(await leases.leaseOf(LOT_ID)).to.equal(1);
      });

      it("takes every SLA table that falls and rises, up to eight steps, and a rent up to 2^128 - 1", async () => {
        const { leases, open } = await stage();
        const sla = [10_000, 9000, 8000, 7000, 6000, 5000, 4000, 0].map((availabilityBps, index) => ({
          availabilityBps,
          creditBps: index === 7 ? 10_000 : index + 1,
        }));
        await open({ sla, baseRentAssets: 2n ** 128n - 1n });
        expect((await leases.lease(1)).terms.sla.length).to.equal(8);
      });
    });

    it("refuses a lot that is already leased", async () => {
      const { leases, open } = await leasedStage();
      await expect(open({ salt: ethers.id("another") }))
        .to.be.revertedWithCustomError(leases, "Lease_LotLeased")
        .withArgs(LOT_ID, 1);
      expect(await leases.leaseCount()).to.equal(1);
    });

    it("refuses a caller that is not the lot's operator, and an unknown lot", async () => {
      const { leases, lots, stranger, terms, sign, open } = await stage();
      await expect(leases.connect(stranger).open(terms, await sign(terms)))
        .to.be.revertedWithCustomError(leases, "Lease_NotOperator")
        .withArgs(LOT_ID, stranger);
      await expect(open({ lotId: 99n }))
        .to.be.revertedWithCustomError(lots, "Registry_UnknownLot")
        .withArgs(99);
    });

    it("refuses a payee that is not the lien holder, or not the operator where there is no lien", async () => {
      const { leases, operator, payee, stranger, addLot, open } = await stage();
      await addLot(OTHER_LOT_ID);
      for (const [lotId, wrong, right] of [
        [LOT_ID, operator, payee],
        [OTHER_LOT_ID, stranger, operator],
      ] as const) {
        await expect(open({ lotId, payee: wrong.address }))
          .to.be.revertedWithCustomError(leases, "Lease_WrongPayee")
          .withArgs(wrong, right);
      }
    });

    const badTerms: [string, Partial<Terms>, string, unknown[]][] = [
      ["no asset", { asset: ethers.ZeroAddress }, "Lease_NoAsset", [LOT_ID]],
      ["no periods", { periodCount: 0 }, "Lease_BadPeriods", [LOT_ID, 0, 240]],
      ["more than twenty years of periods", { periodCount: 241 }, "Lease_BadPeriods", [LOT_ID, 241, 240]],
      [
        "a start more than a year ahead",
        { startAt: at("2031-01-12") },
        "Lease_StartTooFar",
        [at("2031-01-12"), at("2031-01-11")],
      ],
      ["a start one second after midnight", { startAt: ENDS[0] + 1 }, "Lease_NotMidnight", [ENDS[0] + 1]],
      [
        "a start before today",
        { startAt: at("2030-01-09") },
        "Lease_StartPassed",
        [at("2030-01-09"), at("2030-01-10")],
      ],
      ["take-or-pay without a base rent", { baseRentAssets: 0n }, "Lease_BadRent", [0, 0, 0]],
      ["take-or-pay with a rate as well", { gpuHourRateAssets: 1n }, "Lease_BadRent", [0, BASE, 1]],
      ["metered without a rate", { pricing: 1, baseRentAssets: 0n }, "Lease_BadRent", [1, 0, 0]],
      ["metered with a base rent as well", { pricing: 1, gpuHourRateAssets: 1n }, "Lease_BadRent", [1, BASE, 1]],
      ["a rent of 2^128", { baseRentAssets: 2n ** 128n }, "Lease_BadRent", [0, 2n ** 128n, 0]],
      [
        "an SLA table of nine steps",
        { sla: Array.from({ length: 9 }, (_, i) => ({ availabilityBps: 9000 - i, creditBps: i + 1 })) },
        "Lease_SlaTooLong",
        [9, 8],
      ],
      ["an SLA step above 100 %", { sla: [{ availabilityBps: 10_001, creditBps: 1 }] }, "Lease_SlaUnsorted", [0]],
      ["an SLA step without credit", { sla: [{ availabilityBps: 9900, creditBps: 0 }] }, "Lease_SlaUnsorted", [0]],
      ["a credit above the rent", { sla: [{ availabilityBps: 9900, creditBps: 10_001 }] }, "Lease_SlaUnsorted", [0]],
      [
        "an SLA availability that does not fall",
        { sla: [9900, 9900].map((availabilityBps, i) => ({ availabilityBps, creditBps: i + 1 })) },
        "Lease_SlaUnsorted",
        [1],
      ],
      [
        "an SLA credit that does not rise",
        { sla: [9900, 9800].map((availabilityBps) => ({ availabilityBps, creditBps: 1 })) },
        "Lease_SlaUnsorted",
        [1],
      ],
    ];
    for (const [what, changed, error, args] of badTerms) {
      it(`refuses ${what}`, async () => {
        const { leases, open } = await stage();
        await expect(open(changed))
          .to.be.revertedWithCustomError(leases, error)
          .withArgs(...args);
        expect(await leases.leaseCount()).to.equal(0);
      });
    }
  });

  describe("the lessee's acceptance", () => {
    it("is signed over types that the ABI tells: the type hashes have not drifted", async () => {
      const { leases } = await stage();
      const encoder = ethers.TypedDataEncoder.from(TERMS_TYPES);
      expect(encoder.primaryType).to.equal("Terms");
      expect(await leases.TERMS_TYPEHASH()).to.equal(ethers.id(encoder.encodeType("Terms")));
      expect(await leases.SLA_STEP_TYPEHASH()).to.equal(ethers.id(encoder.encodeType("SlaStep")));
    });

    it("is in the domain Rackbond Leases, version 1, of this chain and contract; digestOf tells the digest", async () => {
      const { leases, terms } = await stage();
      const domain = await domainOf(leases);
      expect(domain).to.deep.equal({
        name: "Rackbond Leases",
        version: "1",
        chainId: (await ethers.provider.getNetwork()).chainId,
        verifyingContract: await leases.getAddress(),
      });
      for (const sla of [terms.sla, []]) {
        const changed = { ...terms, sla };
        expect(await leases.digestOf(changed)).to.equal(ethers.TypedDataEncoder.hash(domain, TERMS_TYPES, changed));
      }
    });

    it("M21: refuses a signature by another, for another chain or for another contract", async () => {
      const { leases, operator, lessee, stranger, terms, sign } = await stage();
      for (const signature of [
        await sign(terms, stranger),
        await sign(terms, lessee, { chainId: 1n }),
        await sign(terms, lessee, { verifyingContract: stranger.address }),
        "0x",
      ]) {
        await expect(leases.connect(operator).open(terms, signature))
          .to.be.revertedWithCustomError(leases, "Lease_BadSignature")
          .withArgs(lessee);
      }
    });

    it("M21: refuses terms changed in any field after they were signed", async () => {
      const { leases, operator, payee, stranger, lots, terms, addLot, sign } = await stage();
      await addLot(OTHER_LOT_ID);
      await lots.connect(payee).takeLien(OTHER_LOT_ID);
      const signature = await sign(terms);
      const metered = { ...terms, pricing: 1, baseRentAssets: 0n, gpuHourRateAssets: 1n };
      const changes: Partial<Terms>[] = [
        { lotId: OTHER_LOT_ID },
        { lessee: stranger.address },
        { asset: stranger.address },
        { startAt: at("2030-02-01") },
        { periodCount: 4 },
        { baseRentAssets: BASE + 1n },
        { dueSec: 0 },
        { relatedParty: true },
        { sla: [] },
        { sla: [{ availabilityBps: 9900, creditBps: 1000 }] },
        { sla: [terms.sla[0]!, { availabilityBps: 9500, creditBps: 2499 }] },
        { sla: [terms.sla[0]!, { availabilityBps: 9499, creditBps: 2500 }] },
        { documentHash: ethers.ZeroHash },
        { salt: ethers.ZeroHash },
      ];
      for (const changed of changes.map((change) => ({ ...terms, ...change }))) {
        await expect(leases.connect(operator).open(changed, signature))
          .to.be.revertedWithCustomError(leases, "Lease_BadSignature")
          .withArgs(changed.lessee);
      }
      const meteredSignature = await sign(metered);
      await expect(
        leases.connect(operator).open({ ...metered, gpuHourRateAssets: 2n }, meteredSignature),
      ).to.be.revertedWithCustomError(leases, "Lease_BadSignature");
      await lots.connect(operator).takeLien(LOT_ID);
      await expect(
        leases.connect(operator).open({ ...terms, payee: operator.address }, signature),
      ).to.be.revertedWithCustomError(leases, "Lease_BadSignature");
    });

    it("M21: refuses the malleable twin of a signature (high s)", async () => {
      const { leases, operator, lessee, terms, sign } = await stage();
      const { r, s, v } = ethers.Signature.from(await sign(terms));
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const twin = ethers.concat([r, ethers.toBeHex(order - BigInt(s), 32), v === 27 ? "0x1c" : "0x1b"]);
      await expect(leases.connect(operator).open(terms, twin))
        .to.be.revertedWithCustomError(leases, "Lease_BadSignature")
        .withArgs(lessee);
    });

    it("M21: refuses terms that were used, while their lease lives and after it ended", async () => {
      const { leases, open } = await leasedStage();
      const refused = async () => {
        await expect(open()).to.be.revertedWithCustomError(leases, "Lease_TermsUsed").withArgs(1);
      };
      await refused();
      await time.increaseTo(ENDS[3]);
      for (const periodIndex of [0, 1, 2]) await leases.settle(1, periodIndex);
      expect(await leases.leaseOf(LOT_ID)).to.equal(0);
      await refused();
      expect(await leases.leaseCount()).to.equal(1);
    });

    it("M21: signed terms that nobody opened die with the day they start on", async () => {
      const { leases, open } = await stage();
      await time.setNextBlockTimestamp(ENDS[0] + 86_400);
      await expect(open())
        .to.be.revertedWithCustomError(leases, "Lease_StartPassed")
        .withArgs(ENDS[0], ENDS[0] + 86_400);
    });

    describe("when the lessee is a contract (ERC-1271)", () => {
      const walletStage = async () => {
        const world = await stage();
        const wallet = await ethers.deployContract("MockWallet");
        const terms = { ...world.terms, lessee: await wallet.getAddress() };
        await wallet.accept(await world.leases.digestOf(terms));
        return { ...world, wallet, terms };
      };

      it("asks the contract", async () => {
        const { leases, operator, terms } = await walletStage();
        await leases.connect(operator).open(terms, "0x");
        expect((await leases.lease(1)).terms.lessee).to.equal(terms.lessee);
      });

      it("M21: refuses once the contract has turned to false, whoever else signed", async () => {
        const { leases, operator, wallet, terms, sign } = await walletStage();
        await wallet.accept(ethers.ZeroHash);
        for (const signature of ["0x", await sign(terms)]) {
          await expect(leases.connect(operator).open(terms, signature))
            .to.be.revertedWithCustomError(leases, "Lease_BadSignature")
            .withArgs(wallet);
        }
      });

      it("M04: cannot enter another verb while it is asked", async () => {
        const { leases, operator, wallet, terms } = await walletStage();
        await wallet.callWhenAsked(leases, leases.interface.encodeFunctionData("collect", [terms.asset]));
        await expect(leases.connect(operator).open(terms, "0x")).to.be.revertedWithCustomError(
          leases,
          "Lease_BadSignature",
        );
        expect(await leases.leaseCount()).to.equal(0);
      });
    });
  });
});
