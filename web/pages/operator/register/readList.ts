import { parse, CsvError, type Info } from "csv-parse/browser/esm/sync";
import { CSV_OPTIONS, DeviceListReader, type DeviceList } from "../../../../server/protocol/deviceList.ts";
import { pointOfPem } from "../../../../server/protocol/nodePoint.ts";

// A list of devices out of a file that was dropped on the page, its hosts' keys out of those dropped with it.

/** Faults that a page shows; the rest are counted. */
const SHOWN_FAULTS = 200;

/** Nothing after this row matters. */
class Enough extends Error {}

/** Reads a list to its end. `keyFiles`: public keys (PEM) by the name of their file. */
export function readListText(
  text: string,
  keyFiles: ReadonlyMap<string, string>,
  onProgress?: (deviceCount: number) => void,
): DeviceList {
  const reader = new DeviceListReader({
    maxFaults: SHOWN_FAULTS,
    pointOfFile: (path) => {
      const name = path.split(/[\\/]/).at(-1)!;
      const pem = keyFiles.get(name);
      if (pem === undefined) throw new Error(`the key file ${name} was not given`);
      return pointOfPem(pem);
    },
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const onRow = ({ record, info }: { record: string[]; info: Info }) => {
    if (!reader.take(record, info.lines)) throw new Enough();
    return null;
  };
  try {
    parse(text, { ...CSV_OPTIONS, on_record: onRow as never });
  } catch (error) {
    if (error instanceof CsvError) {
      const line = typeof error["lines"] === "number" ? error["lines"] : 0;
      reader.fault(line, "DeviceList_NotCsv", error.message);
    } else if (!(error instanceof Enough)) throw error;
  }
  return reader.end();
}
