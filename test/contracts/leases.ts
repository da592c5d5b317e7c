import { expect } from "chai";
import type { Result } from "ethers";
import type { Terms } from "./leasesStage.ts";
import {
  at,
  BASE,
  deployCode,
  domainOf,
  ENDS,
  ethers,
  FULL_CLAUSES,
  LOT_ID,
  leasedStage,
  ledger,
  EMPTY,
  LINKED_CLAUSES,
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
        await open({ countries: ["0x4445"] });
        expect(await leases.leaseCount()).to.equal(1);
        expect(await leases.leaseOf(LOT_ID)).to.equal(1);
        expect(await leases.payeeOf(1)).to.equal(payee);
        const [opened] = await leases.queryFilter(leases.filters.Opened(1, LOT_ID, lessee));
        const stored = await leases.lease(1);
        expect(opened?.args.operator).to.equal(operator);
        for (const told of [opened!.args.terms, stored.terms]) {
          const { countries } = told; // of which toObject makes no list
          expect({ ...(told as unknown as Result).toObject(true), countries: [...countries] }).to.deep.equal({
            ...{ ...terms, countries: ["0x4445"] },
            pricing: 0n,
            startAt: BigInt(terms.startAt),
            periodCount: 3n,
            sla: [
              { availabilityBps: 9900n, creditBps: 1000n },
              { availabilityBps: 9500n, creditBps: 2500n },
            ],
          });
        }
        expect((stored.status as unknown as Result).toObject()).to.deep.equal({
          payee: payee.address,
          periodCount: 3n,
          endCount: 3n,
          settledCount: 0n,
          purchaser: ethers.ZeroAddress,
          endAt: 0n,
          isInDefault: false,
          assetDecimalCount: 0n,
          prepaidAssets: 0n,
          depositAssets: 0n,
          owedAssets: 0n,
        });
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

      it("takes the deposit and the prepaid months from the lessee", async () => {
        const world = await stage();
        const { leases, coin, lessee, terms, open } = world;
        const payment = { ...terms.payment, depositAssets: 7n, prepaidMonthCount: 2n };
        const tx = await open({ payment });
        await expect(tx).to.emit(leases, "Deposited").withArgs(1, lessee, 7n);
        await expect(tx)
          .to.emit(leases, "Prepaid")
          .withArgs(1, lessee, 2n * BASE, 2n * BASE);
        expect(await coin.balanceOf(lessee)).to.equal(98n * BASE - 7n);
        expect(await ledger(world)).to.deep.equal({ ...EMPTY, prepaid: 2n * BASE, deposit: 7n, held: 2n * BASE + 7n });
      });

      it("M05: opens nothing when the deposit does not arrive whole, or the lessee is frozen", async () => {
        const { leases, coin, lessee, terms, open } = await stage();
        const payment = { ...terms.payment, depositAssets: 1000n };
        await coin.setFee(100n);
        await expect(open({ payment }))
          .to.be.revertedWithCustomError(leases, "Settlement_WrongAmount")
          .withArgs(coin, 1000n, 990n);
        await coin.setFee(0n);
        await coin.setBlacklisted(lessee, true);
        await expect(open({ payment })).to.be.revertedWithCustomError(coin, "Coin_Blacklisted");
        expect(await leases.leaseOf(LOT_ID)).to.equal(0);
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
  });

  describe("the lessee's acceptance", () => {
    it("is signed over types that the ABI tells: the type hashes have not drifted", async () => {
      await stage();
      const encoder = ethers.TypedDataEncoder.from(TERMS_TYPES);
      expect(encoder.primaryType).to.equal("Terms");
      const abi = ["function TERMS_TYPEHASH() view returns (bytes32)"];
      const library = await ethers.getContractAt(abi, await deployCode("LeaseTerms"));
      expect(await library["TERMS_TYPEHASH"]!()).to.equal(ethers.id(encoder.encodeType("Terms")));
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
      for (const change of [{}, { sla: [] }, FULL_CLAUSES, LINKED_CLAUSES, { countries: ["0x4445", "0x5553"] }]) {
        const changed = { ...terms, ...change };
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
        { tripleNet: true, sla: [] },
        { lesseeBucket: 1n },
        { countries: ["0x4445"] },
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

    it("M21: refuses terms changed in any field of a clause", async () => {
      const { leases, coin, operator, terms, sign } = await stage();
      for (const clauses of [FULL_CLAUSES, LINKED_CLAUSES]) {
        const full = { ...terms, ...clauses };
        const signature = await sign(full);
        for (const name of ["index", "efficiency", "payment", "exit"] as const) {
          for (const [field, value] of Object.entries(full[name])) {
            if (value === 0n || value === ethers.ZeroAddress) continue; // of a clause that these terms do not have
            const other =
              typeof value === "bigint" ? (field === "metric" ? 3n - value : value + 1n) : await coin.getAddress();
            const changed = { ...full, [name]: { ...full[name], [field]: other } };
            await expect(
              leases.connect(operator).open(changed, signature),
              `${name}.${field}`,
            ).to.be.revertedWithCustomError(leases, "Lease_BadSignature");
          }
        }
      }
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
