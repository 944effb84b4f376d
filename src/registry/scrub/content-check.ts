/** Whether the bytes of a blob are those of its digest: reads all of them, at a given rate. */
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { ObjectDamaged, ObjectNotFound } from "../../storage/store-error.ts";
import { isPresent, type PresentRecord, type RecordDocument } from "../blob-record.ts";
import { ContentHash } from "../content-hash.ts";
import { originOfData } from "../layout.ts";
import type { ByteRate } from "./byte-rate.ts";

/** What reading a document costs, whatever its size. */
const documentBytes = 4096;

export interface Reading {
  readonly store: ObjectStore;
  readonly rate: ByteRate;
  readonly signal: AbortSignal;
}

/**
 * @returns why the content is damaged, undefined when it is whole, or gone
 * @throws when the store fails: then nothing is known
 */
export async function problemOfContent(
  digest: Digest,
  record: RecordDocument,
  reading: Reading,
): Promise<string | undefined> {
  await reading.rate.spend(documentBytes + record.content.byteLength, reading.signal);
  if (!hasShape(record)) return "its record makes no sense";
  if (!isPresent(record)) return undefined;
  const hash = new ContentHash(algorithmOf(digest));
  try {
    await hashAll(record.value, record.content, hash, reading);
  } catch (error) {
    if (error instanceof ObjectNotFound) return "its data is missing";
    if (error instanceof ObjectDamaged) return "its data is cut off";
    throw error;
  }
  if (hash.size !== record.value.size) {
    return `it has ${hash.size} bytes where its record says ${record.value.size}`;
  }
  return (await hash.digest()) === digest ? undefined : "its bytes have another digest";
}

async function hashAll(
  { segments }: PresentRecord,
  content: Buffer,
  hash: ContentHash,
  { store, rate, signal }: Reading,
): Promise<void> {
  if (segments === undefined) {
    await hash.update(content);
    return;
  }
  for (const { key, size } of segments) {
    const stored = await store.stat(key);
    if (stored !== undefined && stored > size) throw new ObjectDamaged(key, "it is too long");
    if (size === 0) continue;
    for await (const chunk of await store.read(key, {
      range: { start: 0, end: size - 1 },
      signal,
    })) {
      await hash.update(chunk);
      await rate.spend(chunk.byteLength, signal);
    }
  }
}

/** A record comes from a disk that may have changed any letter of it. */
function hasShape({ value }: RecordDocument): boolean {
  const { state, size, segments, last } = value as Partial<Record<string, unknown>>;
  if (state === "gone") return Array.isArray(last) && last.every((key) => typeof key === "string");
  if (state !== "live" && state !== "condemned") return false;
  return isSize(size) && (segments === undefined || isSegments(segments));
}

function isSegments(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((one: unknown) => {
    const { key, size } = (one ?? {}) as { key?: unknown; size?: unknown };
    return originOfData(String(key)) !== undefined && isSize(size);
  });
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
