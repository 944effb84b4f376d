/**
 * The document that says what a store holds and whose it is.
 *
 * Written by the first server that starts on an empty store, read by every one behind it: a newer
 * format, or a service of another name on the same path, is refused before anything is written.
 */
import { randomUUID } from "node:crypto";
import { type Document, DocumentChanged } from "./document.ts";
import type { Documents } from "./documents.ts";

/** What this program writes and reads. */
const version = 1;

export interface StorageFormat {
  readonly version: number;
  /** Of this store; every instance on it sees the same. */
  readonly deployment: string;
  /** Name of the service that keeps its content here. */
  readonly service: string;
}

/** The store must not be used as it is; the message says why and what to do. */
export class StorageRefused extends Error {
  readonly code = "STORAGE_REFUSED";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StorageRefused";
  }
}

export interface Claim {
  readonly service: string;
  /** Take over what a service of another name has left. */
  readonly adopt: boolean;
  /** Do not write: a store without the document is taken as it is. */
  readonly readOnly?: boolean;
}

/** @throws {StorageRefused} */
export async function claimFormat(
  documents: Documents,
  key: string,
  claim: Claim,
): Promise<StorageFormat> {
  for (;;) {
    const found = await documents.read<StorageFormat>(key);
    try {
      return await settle(documents, key, found, claim);
    } catch (error) {
      // Another instance was first; what it wrote is what counts.
      if (!(error instanceof DocumentChanged)) throw error;
    }
  }
}

async function settle(
  documents: Documents,
  key: string,
  found: Document<StorageFormat> | undefined,
  { service, adopt, readOnly = false }: Claim,
): Promise<StorageFormat> {
  if (found === undefined) {
    const value = { version, deployment: randomUUID(), service };
    return readOnly ? value : (await documents.create<StorageFormat>(key, { value })).value;
  }
  if (isOurs(found.value, service) || readOnly) return found.value;
  if (!adopt) throw belongsTo(found.value.service);
  return (await documents.replace(found, { value: { ...found.value, service } })).value;
}

function isOurs(found: StorageFormat, service: string): boolean {
  if (found.version > version) {
    throw new StorageRefused(
      `the storage has format ${found.version}, written by a newer release; this one knows ${version}`,
    );
  }
  return found.service === service;
}

function belongsTo(service: string): StorageRefused {
  return new StorageRefused(
    `the storage belongs to the service "${service}"; choose another path, or start with --adopt-storage once that service is gone for good`,
  );
}
