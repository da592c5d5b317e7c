import { hexOf, type Hex } from "./bytes.ts";
import { canonicalDeviceName, nodeKeyHash } from "./identity.ts";
import { keccak256 } from "./keccak.ts";
import { identityLeafHash } from "./leaf.ts";
import { pointOfText, type NodePoint } from "./nodePoint.ts";
import { MAX_DEVICES as MAX_HOST_DEVICES } from "./reading.ts";
import { buildTree, rootOf } from "./tree.ts";

// A lot's devices as its operator lists them: CSV, a row a board, in the order that becomes their index.

/** The most devices that one lot is registered with. */
export const MAX_LIST_DEVICES = 1_000_000;

/** A host that owns devices of the list. */
export interface ListedHost {
  readonly hostname: string;
  readonly point: NodePoint;
  readonly keyHash: Hex;
}

/** What is wrong with a line. */
export interface LineFault {
  readonly line: number;
  readonly code: string;
  readonly what: string;
}

/** A list that was read whole; with faults, it is of no use. */
export interface DeviceList {
  /** By first mention. */
  readonly hosts: readonly ListedHost[];
  /** By index: the canonical name of the board, and its host's place among the hosts. */
  readonly names: readonly string[];
  readonly hostIndexes: Uint32Array;
  readonly identityRoot: Hex;
  /** The first faults, by line, and how many there are in all. */
  readonly faults: readonly LineFault[];
  readonly faultCount: number;
}

export interface ListOptions {
  /** The point in a key file that the list names; throws where there is none. */
  readonly pointOfFile: (name: string) => NodePoint;
  /** Faults that are kept; the rest are counted. */
  readonly maxFaults?: number;
  readonly onProgress?: (deviceCount: number) => void;
}

interface Host {
  readonly hostname: string;
  readonly line: number;
  deviceCount: number;
  keyText: string;
  key: { point: NodePoint; keyHash: Hex } | undefined;
}

interface Columns {
  readonly count: number;
  readonly name: number;
  readonly hostname: number;
  readonly key: number;
  readonly keyIsFile: boolean;
}

const HOSTNAME = /^[0-9A-Za-z](?:[0-9A-Za-z.-]{0,251}[0-9A-Za-z])?$/;
const PROGRESS_EVERY = 10_000;

/** Options of csv-parse under which it gives the rows that the reader takes. */
export const CSV_OPTIONS = {
  ...{ bom: true, trim: true, info: true, relax_column_count: true, max_record_size: 4096 },
} as const;

/** Where an anchor was seen: a table of 2^21 places, filled by half at most. */
class Anchors {
  readonly bytes = new Uint8Array(32 * MAX_LIST_DEVICES);
  readonly #table = new Int32Array(1 << 21);

  /** The index at which the anchor stands already; else it is put at `index`. */
  put(anchor: Uint8Array, index: number): number | undefined {
    const { bytes } = this;
    const mask = this.#table.length - 1;
    let place = new DataView(anchor.buffer, anchor.byteOffset).getUint32(0) & mask;
    for (; this.#table[place] !== 0; place = (place + 1) & mask) {
      const other = this.#table[place]! - 1;
      let at = 0;
      while (at < 32 && bytes[32 * other + at] === anchor[at]) at++;
      if (at === 32) return other;
    }
    this.#table[place] = index + 1;
    bytes.set(anchor, 32 * index);
    return undefined;
  }
}

/** Reads a list row by row, to its end: every fault is found in one go. */
export class DeviceListReader {
  readonly #options: ListOptions;
  readonly #anchors = new Anchors();
  readonly #names: string[] = [];
  readonly #lines = new Uint32Array(MAX_LIST_DEVICES);
  readonly #hostIndexes = new Uint32Array(MAX_LIST_DEVICES);
  readonly #hosts: Host[] = [];
  readonly #hostPlaces = new Map<string, number>();
  readonly #keyOwners = new Map<Hex, Host>();
  readonly #text = new TextEncoder();
  readonly #faults: LineFault[] = [];
  #faultCount = 0;
  #columns: Columns | undefined;

  constructor(options: ListOptions) {
    this.#options = options;
  }

  /** Something that is wrong with a line. */
  fault(line: number, code: string, what: string): void {
    if (++this.#faultCount <= (this.#options.maxFaults ?? 100)) this.#faults.push({ line, code, what });
  }

  /** One row; false where reading on makes no sense. */
  take(row: string[], line: number): boolean {
    if (this.#columns === undefined) return this.#takeHeader(row, line);
    if (row.length === 1 && row[0] === "") return true; // an empty line
    if (this.#names.length === MAX_LIST_DEVICES) {
      this.fault(line, "DeviceList_TooMany", `more than ${MAX_LIST_DEVICES} devices`);
      return false;
    }
    this.#takeDevice(row, line, this.#columns);
    return true;
  }

  /** What was read. */
  end(): DeviceList {
    if (this.#names.length === 0 && this.#faultCount === 0)
      this.fault(1, "DeviceList_Empty", this.#columns === undefined ? "no header" : "no device");
    for (const { hostname, line, key } of this.#hosts) {
      if (key === undefined) this.fault(line, "DeviceList_NoKey", `no row gives a usable key of host ${hostname}`);
    }
    const isUsable = this.#faultCount === 0;
    return {
      hosts: isUsable ? this.#hosts.map(({ hostname, key }) => ({ hostname, ...key! })) : [],
      names: this.#names,
      hostIndexes: this.#hostIndexes.subarray(0, this.#names.length),
      identityRoot: isUsable ? this.#root() : `0x${"0".repeat(64)}`,
      faults: this.#faults,
      faultCount: this.#faultCount,
    };
  }

  #root(): Hex {
    const count = this.#names.length;
    const leaves = new Uint8Array(32 * count);
    for (let index = 0; index < count; index++) {
      const anchor = hexOf(this.#anchors.bytes.subarray(32 * index, 32 * index + 32));
      const nodeKeyHash = this.#hosts[this.#hostIndexes[index]!]!.key!.keyHash;
      leaves.set(identityLeafHash({ index, anchor, nodeKeyHash }), 32 * index);
    }
    return rootOf(buildTree(leaves));
  }

  #takeHeader(row: string[], line: number): boolean {
    const names = row.map((name) => name.toLowerCase());
    const fault = (what: string) => {
      this.fault(line, "DeviceList_BadHeader", what);
      return false;
    };
    const known = ["serial", "uuid", "hostname", "node_key", "node_point"];
    const unknown = names.filter((name, place) => !known.includes(name) || names.indexOf(name) !== place);
    if (unknown.length > 0) return fault(`unknown or repeated: ${JSON.stringify(unknown.slice(0, 5))}`);
    const one = (...choices: string[]) => choices.filter((name) => names.includes(name));
    const [[device, ...devices], [key, ...keys]] = [one("serial", "uuid"), one("node_key", "node_point")];
    if (device === undefined || devices.length > 0) return fault("one of the columns serial and uuid is needed");
    if (key === undefined || keys.length > 0) return fault("one of the columns node_key and node_point is needed");
    if (!names.includes("hostname")) return fault("the column hostname is needed");
    const place = (name: string) => names.indexOf(name);
    this.#columns = {
      ...{ count: names.length, name: place(device), hostname: place("hostname") },
      ...{ key: place(key), keyIsFile: key === "node_key" },
    };
    return true;
  }

  #takeDevice(row: string[], line: number, columns: Columns): void {
    if (row.length !== columns.count) {
      this.fault(line, "DeviceList_BadRow", `${row.length} fields where the header has ${columns.count}`);
      return;
    }
    const hostIndex = this.#hostOf(row[columns.hostname]!, line);
    if (hostIndex === undefined) return;
    this.#takeKey(this.#hosts[hostIndex]!, row[columns.key]!, line, columns.keyIsFile);
    let name: string;
    try {
      name = canonicalDeviceName(row[columns.name]!);
    } catch (error) {
      this.fault(line, "Device_BadName", reasonOf(error));
      return;
    }
    const index = this.#names.length;
    const before = this.#anchors.put(keccak256(this.#text.encode(name)), index);
    if (before !== undefined) {
      this.fault(line, "DeviceList_Doubled", `${name} stands in line ${this.#lines[before]} already`);
      return;
    }
    const host = this.#hosts[hostIndex]!;
    if (++host.deviceCount === MAX_HOST_DEVICES + 1)
      this.fault(line, "DeviceList_HostTooLarge", `${host.hostname} has more than ${MAX_HOST_DEVICES} devices`);
    this.#names.push(name);
    this.#lines[index] = line;
    this.#hostIndexes[index] = hostIndex;
    if (this.#names.length % PROGRESS_EVERY === 0) this.#options.onProgress?.(this.#names.length);
  }

  #hostOf(text: string, line: number): number | undefined {
    const hostname = text.toLowerCase();
    const known = this.#hostPlaces.get(hostname);
    if (known !== undefined) return known;
    if (!HOSTNAME.test(hostname)) {
      this.fault(line, "DeviceList_BadHostname", JSON.stringify(text.slice(0, 80)));
      return undefined;
    }
    this.#hosts.push({ hostname, line, deviceCount: 0, keyText: "", key: undefined });
    this.#hostPlaces.set(hostname, this.#hosts.length - 1);
    return this.#hosts.length - 1;
  }

  /** A host's key stands in one of its rows at least, and is the same in all. */
  #takeKey(host: Host, text: string, line: number, isFile: boolean): void {
    if (text === "" || text === host.keyText) return;
    const { hostname } = host;
    if (host.keyText !== "") {
      this.fault(line, "DeviceList_OtherKey", `${hostname} has another key than in the lines before`);
      return;
    }
    host.keyText = text;
    try {
      const point = isFile ? this.#options.pointOfFile(text) : pointOfText(text);
      const keyHash = nodeKeyHash(point.x, point.y);
      const owner = this.#keyOwners.get(keyHash);
      if (owner !== undefined) {
        this.fault(line, "DeviceList_SharedKey", `${hostname} has the key of ${owner.hostname}`);
        return;
      }
      this.#keyOwners.set(keyHash, host);
      host.key = { point, keyHash };
    } catch (error) {
      this.fault(line, "DeviceList_BadKey", `${hostname}: ${reasonOf(error)}`);
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
