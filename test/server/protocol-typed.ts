import { expect } from "chai";
import { id } from "ethers";
import { Refusal } from "../../server/protocol/refusal.ts";
import { domainOf, structOf, type AbiEntry, type AbiParameter } from "../../server/protocol/typed.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";

const REPORT_TYPE =
  "Report(bytes32 configDigest,uint64 epoch,uint64 periodStartAt,uint64 periodEndAt,bytes32 readingsRoot," +
  "bytes32 prevReportHash,bytes32 dataHash,bytes32 methodologyHash,uint32 devicesRegisteredCount," +
  "uint32 devicesReportingCount,bytes32[] meterWords)";

const word: AbiParameter = { name: "a", type: "uint64", internalType: "LotId" };
const tuple = (name: string, internalType: string, components: AbiParameter[], type = "tuple"): AbiParameter => ({
  name,
  type,
  internalType,
  components,
});
const verb = (...inputs: AbiParameter[]): AbiEntry[] => [{ type: "function", name: "verb", inputs }];

describe("protocol typed", () => {
  describe("structOf", () => {
    it("derives a report's types from the ABI, value types as their base type", () => {
      const struct = structOf(Telemetry__factory.abi, "submit", "report");
      expect(struct.primaryType).to.equal("Report");
      expect(struct.typeString).to.equal(REPORT_TYPE);
      expect(struct.typeHash).to.equal(id(REPORT_TYPE));
    });
    it("follows nested structs, fixed arrays and structs outside a contract", () => {
      const inner = tuple("inner", "struct Inner[2][]", [word], "tuple[2][]");
      const outer = tuple("outer", "struct Some.Outer", [{ name: "b", type: "bytes", internalType: "bytes" }, inner]);
      expect(structOf(verb(outer), "verb", "outer").typeString).to.equal(
        "Outer(bytes b,Inner[2][] inner)Inner(uint64 a)",
      );
    });
    it("refuses two structs of one name that differ", () => {
      const one = tuple("one", "struct A.Same", [word]);
      const two = tuple("two", "struct B.Same", [{ ...word, name: "b" }]);
      const outer = tuple("outer", "struct Outer", [one, two]);
      expect(() => structOf(verb(outer), "verb", "outer")).to.throw(Refusal, "Abi_TwoStructsOneName: name Same");
    });
    it("refuses a missing or overloaded function, a missing input and an input that is no struct", () => {
      const abi = verb(word);
      expect(() => structOf(abi, "other", "a")).to.throw(Refusal, "Abi_NotOneFunction");
      expect(() => structOf([...abi, ...abi], "verb", "a")).to.throw(Refusal, "Abi_NotOneFunction");
      expect(() => structOf(abi, "verb", "b")).to.throw(Refusal, "Abi_NoInput");
      expect(() => structOf(abi, "verb", "a")).to.throw(Refusal, "Abi_NotAStruct");
    });
  });

  describe("domainOf", () => {
    const answer = {
      fields: "0x0f",
      name: "N",
      version: "1",
      chainId: 5n,
      verifyingContract: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
      salt: `0x${"00".repeat(32)}`,
      extensions: [],
    };
    it("takes the fields that the contract uses", () => {
      const { name, version, chainId, verifyingContract, salt } = answer;
      expect(domainOf(answer)).to.deep.equal({ name, version, chainId, verifyingContract });
      expect(domainOf({ ...answer, fields: "0x1f" })).to.deep.equal({
        name,
        version,
        chainId,
        verifyingContract,
        salt,
      });
      expect(domainOf({ ...answer, fields: "0x04" })).to.deep.equal({ chainId });
    });
    it("refuses a domain with extensions", () => {
      expect(() => domainOf({ ...answer, extensions: [1n] })).to.throw(Refusal, "Domain_Extended");
    });
  });
});
