/**
 * A small JSON document and its bytes.
 *
 * On disk it is one line of JSON with a checksum, then any content that belongs to it as raw bytes;
 * what does not match its checksum is never answered from. Depends on nothing but the port's words.
 */
import { crc32 } from "node:zlib";
import { RegistryError } from "../oci/registry-error.ts";
import type { LoadedObject, Revision } from "./object-store.ts";
import { ObjectDamaged } from "./store-error.ts";

const newline = 0x0a;
const nothing = Buffer.alloc(0);
/** A blank, eight hexadecimal digits of the CRC-32 of all other bytes, and the end of the line. */
const sealBytes = 10;

export interface Document<T> {
  readonly key: string;
  readonly value: T;
  /** Raw bytes kept with the document, empty when there are none. */
  readonly content: Buffer;
  /** Grows by one with every accepted write. */
  readonly generation: number;
  /** Never of a later state than `value`. */
  readonly revision: Revision;
  /** Ids of the last transactions, the newest first. */
  readonly transactions: readonly string[];
}

/** Another writer was first; `current` is what it left. */
export class DocumentChanged<T> extends RegistryError {
  readonly code = "CONFLICT";
  readonly current: Document<T> | undefined;
  constructor(key: string, current: Document<T> | undefined) {
    super(`${key} was changed by another writer`, { key });
    this.current = current;
  }
}

/** What stands there is no document, or not as it was written. */
export class DocumentDamaged extends ObjectDamaged {
  /** Of the bytes that were found. */
  readonly revision: Revision;
  constructor(key: string, why: string, revision: Revision, options?: ErrorOptions) {
    super(key, why, options);
    this.revision = revision;
  }
}

/** For `catch`, where another writer being first only means that there is nothing to do. */
export function unlessChanged(error: unknown): undefined {
  if (!(error instanceof DocumentChanged)) throw error;
}

interface Header<T> {
  readonly generation: number;
  readonly transactions: readonly string[];
  readonly value: T;
}

export function encodeDocument<T>(header: Header<T>, content: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  return Buffer.concat([json, sealOf(json, content), content]);
}

/** Finds what a disk or a line does to bytes; it is no secret, and protects from nobody. */
function sealOf(json: Uint8Array, content: Uint8Array): Buffer {
  const start = crc32(json);
  // Of no bytes zlib's sum begins anew when they stand nowhere, as those of an empty buffer may.
  const sum = content.byteLength === 0 ? start : crc32(content, start);
  return Buffer.from(` ${sum.toString(16).padStart(sealBytes - 2, "0")}\n`);
}

/** @throws {DocumentDamaged} */
export function parseDocument<T>(key: string, { bytes, revision }: LoadedObject): Document<T> {
  const end = bytes.indexOf(newline) + 1;
  if (end < sealBytes) throw new DocumentDamaged(key, "it has no header line", revision);
  const json = bytes.subarray(0, end - sealBytes);
  // A document that is kept for its value alone must not hold all its bytes.
  const content = end < bytes.length ? bytes.subarray(end) : nothing;
  if (!sealOf(json, content).equals(bytes.subarray(end - sealBytes, end))) {
    throw new DocumentDamaged(key, "its checksum is wrong", revision);
  }
  try {
    const { generation, transactions, value } = JSON.parse(json.toString("utf8")) as Header<T>;
    if (!Array.isArray(transactions) || value === undefined) throw new Error("not a document");
    return { key, value, content, generation, revision, transactions };
  } catch (cause) {
    throw new DocumentDamaged(key, "its header line is not valid", revision, { cause });
  }
}
