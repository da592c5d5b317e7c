import { expect } from "chai";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { concat } from "ethers";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { pointOf } from "../../server/nodekey.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import { DeviceListReader, type DeviceList } from "../../server/protocol/deviceList.ts";
import {
  listedDevices,
  lotArguments,
  missingPlaces,
  nodeIdsOf,
  pointsOf,
  takeNodeIds,
} from "../../server/protocol/enrolment.ts";
import { nodeKeyHash } from "../../server/protocol/identity.ts";
import { namedIdentityRoot } from "../../server/protocol/identityTree.ts";
import { isOnCurve, pointOfPem, pointOfText, textOfPoint } from "../../server/protocol/nodePoint.ts";

const P = BigInt("0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
const REGISTRY = `0x${"Ab".repeat(20)}`;
const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, "0")}`;

describe("protocol: the point of a node key", () => {
  it("is found on the curve exactly where Node's crypto finds it", () => {
    for (let at = 0; at < 8; at++) {
      const { x, y } = nodeKeyOf("point", String(at));
      expect(isOnCurve({ x, y })).to.equal(true);
      expect(pointOfText(textOfPoint({ x, y }))).to.deep.equal({ x, y });
      expect(pointOfText(`0x04${x.slice(2)}${y.slice(2)}`.toUpperCase().replace("0X", "0x"))).to.deep.equal({ x, y });
      expect(isOnCurve({ x, y: word(P - BigInt(y)) })).to.equal(true);
      expect(isOnCurve({ x, y: word(BigInt(y) ^ 1n) })).to.equal(false);
      expect(isOnCurve({ x: y, y: x })).to.equal(false);
    }
    expect(isOnCurve({ x: word(0n), y: word(0n) })).to.equal(false);
  });

  it("is refused where a coordinate is not below the field's prime, though the equation holds", () => {
    // x = 5 is on the curve: the same x plus the prime is another number for it.
    const y = word(0x459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbccn);
    expect(isOnCurve({ x: word(5n), y })).to.equal(true);
    expect(isOnCurve({ x: word(5n + P), y })).to.equal(false);
  });

  it("is read out of the PEM that openssl writes, and out of nothing else", () => {
    const { key, x, y } = nodeKeyOf("point", "pem");
    const pem = (from: ReturnType<typeof createPublicKey>) => from.export({ type: "spki", format: "pem" }) as string;
    expect(pointOfPem(pem(createPublicKey(key)))).to.deep.equal({ x, y });
    expect(pointOfPem(pem(createPublicKey(key)))).to.deep.equal(pointOf(key));
    const other = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey;
    const flipped = pem(createPublicKey(key)).replace(/[0-9A-Za-z+/](?==?=?\n-----END)/, "");
    for (const [text, code] of [
      [key.export({ type: "pkcs8", format: "pem" }) as string, "NodeKey_Private"],
      [pem(other), "NodeKey_OtherKey"],
      [flipped, "NodeKey_"],
      ["", "NodeKey_NotPem"],
      ["x".repeat(8193), "NodeKey_TooLong"],
    ] as const) {
      expect(() => pointOfPem(text)).to.throw(code);
    }
  });
});

describe("protocol: a list on its way into the registry", () => {
  const keyOf = (hostname: string) => nodeKeyOf("enrol", hostname);
  const hostnames = ["a", "b", "c"];
  let list: DeviceList;

  before(() => {
    const reader = new DeviceListReader({
      pointOfFile: () => {
        throw new Error("no file is named");
      },
    });
    reader.take(["serial", "hostname", "node_point"], 1);
    let line = 2;
    for (const hostname of hostnames) {
      const { x, y } = keyOf(hostname);
      reader.take([`SN-${hostname}-0001`, hostname, concat([x, y])], line++);
      reader.take([`SN-${hostname}-0002`, hostname, ""], line++);
    }
    list = reader.end();
    expect(list.faults).to.deep.equal([]);
  });

  const receiptOf = (ids: [string, bigint][], address = REGISTRY) => ({
    hash: "0x01",
    logs: ids.map(([hostname, nodeId]) => {
      const { x, y } = keyOf(hostname);
      return { address, ...INTERFACES.registry.encodeEventLog("NodeRegistered", [nodeId, 1n, x, y]) };
    }),
  });

  it("registers what is not known, in portions, and gives every board the node that its host became", () => {
    const { keyHash } = list.hosts[1]!;
    const nodeIds = nodeIdsOf(list, new Map([[keyHash, { nodeId: 7n, isRevoked: false }]]));
    expect(nodeIds).to.deep.equal([0n, 7n, 0n]);
    expect(missingPlaces(nodeIds, 1)).to.deep.equal([[0], [2]]);
    expect(missingPlaces(nodeIds, 400)).to.deep.equal([[0, 2]]);
    expect(missingPlaces([1n, 2n, 3n], 400)).to.deep.equal([]);
    expect(pointsOf(list, [2])).to.deep.equal([{ x: keyOf("c").x, y: keyOf("c").y }]);
    // Logs come in whatever order, and of whatever contract.
    takeNodeIds(nodeIds, list, [0, 2], receiptOf([["c", 12n], ["a", 11n]]), REGISTRY.toLowerCase()); // prettier-ignore
    expect(nodeIds).to.deep.equal([11n, 7n, 12n]);
    const devices = [...listedDevices(list, nodeIds)];
    expect(devices.map(({ nodeId }) => nodeId)).to.deep.equal([11n, 11n, 7n, 7n, 12n, 12n]);
    const hostOf = new Map([[11n, "a"], [7n, "b"], [12n, "c"]] as const); // prettier-ignore
    const root = namedIdentityRoot(devices, (nodeId) => {
      const { x, y } = keyOf(hostOf.get(nodeId as 7n)!);
      return nodeKeyHash(x, y);
    });
    expect(root).to.equal(list.identityRoot);
  });

  it("refuses a host whose key was revoked, and a receipt that does not name a host or is another contract's", () => {
    const { keyHash } = list.hosts[2]!;
    expect(() => nodeIdsOf(list, new Map([[keyHash, { nodeId: 3n, isRevoked: true }]]))).to.throw(
      "Enrol_NodeRevoked: hostname c, nodeId 3",
    );
    const named = receiptOf([["a", 1n]]);
    expect(() => takeNodeIds([0n, 0n, 0n], list, [0, 1], named, REGISTRY)).to.throw("Enrol_NotAnnounced: hostname b");
    const foreign = receiptOf([["a", 1n]], `0x${"11".repeat(20)}`);
    expect(() => takeNodeIds([0n], list, [0], foreign, REGISTRY)).to.throw("Enrol_NotAnnounced: hostname a");
  });

  it("says of a lot what the registry asks", () => {
    const terms = { siteId: 4n, modelId: word(1n), costAssets: 10n, commissionedAt: 20n };
    const call = INTERFACES.registry.encodeFunctionData("registerLot", [...lotArguments(terms, list)]);
    expect([...INTERFACES.registry.decodeFunctionData("registerLot", call)]).to.deep.equal([
      ...[4n, word(1n), 6n, 10n, 20n, list.identityRoot],
    ]);
  });
});
