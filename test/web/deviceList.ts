import { expect } from "chai";
import { createPublicKey } from "node:crypto";
import { Readable } from "node:stream";
import { concat } from "ethers";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { readDeviceList } from "../../server/cli/deviceList.ts";
import { readListText } from "../../web/pages/operator/register/readList.ts";

const pointText = (hostname: string) => {
  const { x, y } = nodeKeyOf("page", hostname);
  return concat([x, y]);
};
const none = new Map<string, string>();

describe("portal: a dropped list of devices", () => {
  const texts: [string, string][] = [
    ["with quotes, empty lines and other line ends", `\ufeffSerial,Hostname,Node_Point\r\n" SN-000001 ",A,${pointText("a")}\r\n\r\nSN-000002,a,\r\n`],
    ["with faults", `serial,hostname,node_point\nSN-000001,a,${pointText("a")}\nSN-000001,a,\nx,b\n,c,0x12\n`],
    ["with an open quote", `serial,hostname,node_point\n"SN-000001,a,${pointText("a")}\n`],
    ["with an endless line", `serial,hostname,node_point\n${"A".repeat(5000)},a,\n`],
    ["with another header", "serial,host\nSN-000001,a\n"],
    ["that is empty", ""],
  ]; // prettier-ignore
  for (const [what, text] of texts) {
    it(`S08: is read as the command line reads it: a list ${what}`, async () => {
      const fromStream = await readDeviceList(Readable.from([text]), { folder: "." });
      const dropped = readListText(text, none);
      expect({ ...dropped, faults: dropped.faults.map(({ line, code }) => ({ line, code })) }).to.deep.equal({
        ...fromStream,
        faults: fromStream.faults.map(({ line, code }) => ({ line, code })),
      });
    });
  }

  it("takes keys out of files that are dropped with it, by their names, and says which is missing", () => {
    const { key, x, y } = nodeKeyOf("page", "a");
    const pem = createPublicKey(key).export({ type: "spki", format: "pem" }) as string;
    const text = "serial,hostname,node_key\nSN-000001,a,keys/a.pem\nSN-000002,b,keys/b.pem\n";
    const list = readListText(text, new Map([["a.pem", pem]]));
    expect(list.faults.map(({ line, code, what }) => [line, code, what])).to.deep.equal([
      [3, "DeviceList_BadKey", "b: the key file b.pem was not given"],
      [3, "DeviceList_NoKey", "no row gives a usable key of host b"],
    ]);
    const whole = readListText("uuid,hostname,node_key\nGPU-12345678-1234-1234-1234-123456789abc,a,a.pem\n", new Map([["a.pem", pem]])); // prettier-ignore
    expect(whole.hosts).to.deep.include({ hostname: "a", point: { x, y }, keyHash: whole.hosts[0]!.keyHash });
  });

  it("E13: tells how far it is, and keeps a page's worth of faults", () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => `SN-${100_000 + index},host-${index >> 3},`);
    const told: number[] = [];
    const list = readListText(["serial,hostname,node_point", ...rows].join("\n"), none, (count) => told.push(count));
    expect(told).to.deep.equal([10_000, 20_000]);
    expect([list.faults.length, list.faultCount]).to.deep.equal([200, 2500]);
  });
});
