import type { Readable } from "node:stream";
import type {
  Epoch,
  EpochDetail,
  Facility,
  LotDetail,
  LotMeterRecord,
  Payment,
  Ready,
  Summary,
} from "./protocol/api.ts";
import type { PageAfter, PageBefore } from "./pages.ts";
import type { Hex } from "./protocol/bytes.ts";
import type { AbsenceProof, DeviceProof } from "./protocol/proof.ts";
import type { FileKind } from "./protocol/publication.ts";
import type { SignedReadingJson } from "./protocol/reading.ts";
import type { Refusal } from "./protocol/refusal.ts";
import type { AuditSources } from "./sourcesAudit.ts";
import type { CapitalSources, LotFilter } from "./sourcesCapital.ts";
import type { AccountSources, MoneySources, ReportSources } from "./sourcesMoney.ts";
import type { PlatformSources } from "./sourcesPlatform.ts";

/** A published file: lines of text, kept compressed (zstd). It never changes. */
export interface PublishedFile {
  readonly storedByteCount: number;
  /** As it is kept. */
  stored(): Readable;
  plain(): Readable;
}

/** What became of a submitted reading. It is durable when this is said. */
export interface ReadingReceipt {
  readonly outcome: "inserted" | "duplicate" | "equivocation";
  readonly epoch: bigint;
  readonly nodeId: bigint;
  readonly readingHash: Hex;
}

/** How the readings of a batch follow each other: one a line (NDJSON), or in a JSON array. */
export type BatchForm = "lines" | "array";

/** What became of one reading of a batch. What is not refused is durable. */
export type Taken = ReadingReceipt | { readonly outcome: "refused"; readonly refusal: Refusal };

/** Where batches of signed readings go in. Both throw `Busy` when nothing can be taken now. */
export interface ReadingSink {
  /** Asked before a body of so many bytes is read. */
  admit(from: string, byteCount: number): void;
  /** Takes what can be taken; a reading that is refused refuses no other. */
  take(bytes: Uint8Array, form: BatchForm, from: string): Promise<Taken[]>;
}

/** Where operators hand in the identities of their lots. Throws `Busy`, or the `Refusal` that names what is wrong. */
export interface IdentitySink {
  /** Kept when they make the root, durably; undefined where no lot has that root. What is known is not read. */
  take(identityRoot: Hex, pieces: AsyncIterable<Uint8Array>, from: string): Promise<"kept" | "known" | undefined>;
}

/**
 * All that the API serves. Answers come out of the read model, as the schemas of protocol/api.ts have them; what is not
 * there is undefined. Addresses come in and go out with their checksum.
 */
export interface Sources extends PlatformSources, AuditSources, MoneySources, AccountSources, ReportSources {
  /** Undefined while the program cannot serve: no database, no chain, or a read model that is behind. */
  ready(): Promise<Ready | undefined>;
  summary(): Promise<Summary>;

  /** By address. */
  facilities(page: PageAfter<string>): Promise<Facility[]>;
  facility(address: string): Promise<Facility | undefined>;
  /** By paymentIndex, newest first; undefined for an address that is no facility. */
  payments(address: string, page: PageBefore<bigint>): Promise<Payment[] | undefined>;

  /** By lotId. */
  lots(page: PageAfter<bigint>, filter?: LotFilter): Promise<LotDetail[]>;
  lot(lotId: bigint): Promise<LotDetail | undefined>;
  /** The meters of the epochs from `fromEpoch` to `toEpoch`, both included, in order, at most `limit`. */
  meters(
    lotId: bigint,
    range: { readonly fromEpoch: bigint; readonly toEpoch: bigint; readonly limit: number },
  ): Promise<LotMeterRecord[] | undefined>;

  /** By epoch, newest first. */
  epochs(page: PageBefore<bigint>): Promise<Epoch[]>;
  epoch(epoch: bigint): Promise<EpochDetail | undefined>;
  file(kind: FileKind, hash: Hex): Promise<PublishedFile | undefined>;
  /** Proofs are undefined without a report, without its readings here, and where they do not hold. */
  deviceProof(epoch: bigint, deviceId: Hex): Promise<DeviceProof | undefined>;
  absenceProof(epoch: bigint, lotId: bigint, deviceIndex: number): Promise<AbsenceProof | undefined>;
  /** Lines of JSON. */
  lotProof(epoch: bigint, lotId: bigint): Promise<Iterable<string> | undefined>;

  /** Verifies and keeps a reading. Throws the `Refusal` that names what is wrong with it. */
  submitReading(signed: SignedReadingJson): Promise<ReadingReceipt>;
  /** Where batches go in; undefined where this program keeps no readings. */
  readonly readings?: ReadingSink | undefined;
  /** Markets, exchange, registry, access and offers; undefined where this program follows no chain of its own. */
  readonly capital?: CapitalSources | undefined;
  /** Where identities go in; undefined where this program keeps no files. */
  readonly identities?: IdentitySink | undefined;
}
