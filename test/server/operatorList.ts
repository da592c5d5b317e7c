import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { concat } from "ethers";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { readDeviceList } from "../../server/cli/deviceList.ts";
import type { DeviceList } from "../../server/protocol/deviceList.ts";
import { identityAnchor, nodeKeyHash } from "../../server/protocol/identity.ts";
import { identityRootOf } from "../../server/protocol/identityTree.ts";

const keyOf = (hostname: string) => nodeKeyOf("list", hostname);
const pointText = (hostname: string) => concat([keyOf(hostname).x, keyOf(hostname).y]);
const [ONE, TWO] = [pointText("one"), pointText("two")];

describe("operator: the list of devices", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-list-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const read = (text: string, maxFaults?: number): Promise<DeviceList> =>
    readDeviceList(Readable.from([text]), { folder, ...(maxFaults === undefined ? {} : { maxFaults }) });
  const faultsOf = async (text: string, maxFaults?: number) =>
    (await read(text, maxFaults)).faults.map(({ line, code }) => `${line} ${code}`);

  it("gives hosts by first mention, names in their one spelling, and the root of the leaves in the order of the rows", async () => {
    const list = await read(
      `\ufeffHostname,Serial,Node_Point\r\none,abc-001,${ONE}\r\n"two", "ABC-002" ,${TWO}\r\nONE,ABC-003,\r\n\r\n`,
    );
    expect([list.faults, list.faultCount]).to.deep.equal([[], 0]);
    expect(list.hosts.map(({ hostname }) => hostname)).to.deep.equal(["one", "two"]);
    expect(list.names).to.deep.equal(["ABC-001", "ABC-002", "ABC-003"]);
    expect([...list.hostIndexes]).to.deep.equal([0, 1, 0]);
    const leaf = (name: string, hostname: string) => ({
      anchor: identityAnchor(name),
      nodeKeyHash: nodeKeyHash(keyOf(hostname).x, keyOf(hostname).y),
    });
    expect(list.identityRoot).to.equal(
      identityRootOf([leaf("ABC-001", "one"), leaf("ABC-002", "two"), leaf("ABC-003", "one")]),
    );
  });

  it("takes keys from PEM files beside the list, and no private one", async () => {
    const { key } = keyOf("one");
    writeFileSync(join(folder, "secret.pem"), key.export({ type: "pkcs8", format: "pem" }));
    const { createPublicKey, generateKeyPairSync } = await import("node:crypto");
    writeFileSync(join(folder, "one.pem"), createPublicKey(key).export({ type: "spki", format: "pem" }));
    const other = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey;
    writeFileSync(join(folder, "other.pem"), other.export({ type: "spki", format: "pem" }));
    writeFileSync(join(folder, "large.pem"), "x".repeat(8193));
    const list = await read("uuid,hostname,node_key\nGPU-12345678-1234-1234-1234-123456789abc,one,one.pem\n");
    expect(list.hosts[0]?.point).to.deep.equal({ x: keyOf("one").x, y: keyOf("one").y });
    expect(list.names).to.deep.equal(["GPU-12345678-1234-1234-1234-123456789ABC"]);
    for (const file of ["secret.pem", "other.pem", "large.pem", "missing.pem", ".", "../../etc/hostname"]) {
      const { faults } = await read(`serial,hostname,node_key\nABC-001,one,${file}\n`);
      expect(faults[0]?.code, file).to.equal("DeviceList_BadKey");
      expect(faults[0]?.what).not.to.contain("BEGIN");
    }
  });

  it("E13: finds every fault of a list in one go, by line", async () => {
    const rows = [
      `ABC-001,one,${ONE}`,
      `abc-001,one,${ONE}`, // 3: the same board in small letters
      `\u0410BC-009,one,${ONE}`, // 4: a look-alike letter
      `ABC-002,one,${TWO}`, // 5: another key
      `ABC-003,three,${ONE}`, // 6: a key that is another host's
      `ABC-004,four`, // 7
      `ABC-005,bad host,${TWO}`, // 8
      `ABC-006,five,0x1234`, // 9
      `ABC-007,six,0x${"11".repeat(64)}`, // 10: no point of the curve
      `ABC-008,seven,`, // 11: no key at all
      `ABC-010,six,`,
      `ABC-010,one,`, // 13
    ];
    expect(await faultsOf(["serial,hostname,node_point", ...rows].join("\n"))).to.deep.equal([
      ...["3 DeviceList_Doubled", "4 Device_BadName", "5 DeviceList_OtherKey", "6 DeviceList_SharedKey"],
      ...["7 DeviceList_BadRow", "8 DeviceList_BadHostname", "9 DeviceList_BadKey", "10 DeviceList_BadKey"],
      ...["13 DeviceList_Doubled", "6 DeviceList_NoKey", "9 DeviceList_NoKey", "10 DeviceList_NoKey"],
      "11 DeviceList_NoKey",
    ]);
  });

  it("S08: keeps as many faults as it is told, and counts the rest", async () => {
    const rows = Array.from({ length: 5000 }, () => `ABC-001,one,${ONE}`);
    const list = await read(["serial,hostname,node_point", ...rows].join("\n"), 10);
    expect(list.faults).to.have.length(10);
    expect(list.faultCount).to.equal(4999);
    expect(list.faults[0]?.what).to.equal("ABC-001 stands in line 2 already");
  });

  it("refuses more devices of one host than a reading can hold", async () => {
    const rows = Array.from({ length: 257 }, (_, index) => `ABC-${1000 + index},one,${ONE}`);
    expect(await faultsOf(["serial,hostname,node_point", ...rows].join("\n"))).to.deep.equal([
      "258 DeviceList_HostTooLarge",
    ]);
  });

  for (const [what, text, fault] of [
    ["nothing", "", "1 DeviceList_Empty"],
    ["a header alone", "serial,hostname,node_point\n", "1 DeviceList_Empty"],
    ["no name of a board", "hostname,node_point\n", "1 DeviceList_BadHeader"],
    ["two names of a board", "serial,uuid,hostname,node_point\n", "1 DeviceList_BadHeader"],
    ["no host", "serial,node_point\n", "1 DeviceList_BadHeader"],
    ["no key", "serial,hostname\n", "1 DeviceList_BadHeader"],
    ["a column twice", "serial,serial,hostname,node_point\n", "1 DeviceList_BadHeader"],
    ["an unknown column", "serial,hostname,node_point,__proto__\n", "1 DeviceList_BadHeader"],
    ["an open quote", `serial,hostname,node_point\n"ABC-001,one,${ONE}\n`, "DeviceList_NotCsv"],
    ["an endless line", `serial,hostname,node_point\n${"A".repeat(5000)},one,${ONE}\n`, "DeviceList_NotCsv"],
  ] as const) {
    it(`S08: refuses ${what}`, async () => {
      const [first] = await faultsOf(text);
      expect(first).to.contain(fault);
    });
  }
});
