/**
 * Compare-and-swap on a bucket: by the store itself, or within this process where the store cannot.
 *
 * Only PUT with `If-None-Match: *` and `If-Match` is relied on; every other condition was found
 * ignored by some store. Which of the two ways holds is found out by the probe.
 */
import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { KeyedQueue } from "../keyed-queue.ts";
import type { Precondition, Revision } from "../object-store.ts";
import { PreconditionFailed, StoreUnavailable } from "../store-error.ts";
import type { S3Connection } from "./s3-client.ts";
import { S3RequestFailed, storeError } from "./s3-error.ts";

/** How the store wants an ETag in `If-Match`: as HTTP says, or as Ceph before 2025 does. */
export type EtagStyle = "quoted" | "unquoted";

/** How often a deletion that others write into is repeated. */
const deletions = 5;

export interface ConditionalWrites {
  save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision>;
  /** Runs a deletion so that no save brings the key back. */
  deleting(key: string, remove: () => Promise<void>): Promise<void>;
}

/** The store arbitrates, between any number of processes. */
export class StoreConditions implements ConditionalWrites {
  readonly #connection: S3Connection;
  readonly #style: EtagStyle;

  constructor(connection: S3Connection, style: EtagStyle) {
    this.#connection = connection;
    this.#style = style;
  }

  async save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    // No state has an empty revision, and an empty header would be no condition.
    if ("revision" in precondition && precondition.revision === "") {
      throw new PreconditionFailed(key);
    }
    const condition =
      "absent" in precondition
        ? { IfNoneMatch: "*" as const }
        : { IfMatch: matching(precondition.revision, this.#style) };
    try {
      return await put(this.#connection, key, bytes, { condition, way: "once" });
    } catch (error) {
      if (!(error instanceof S3RequestFailed)) throw error;
      if (error.isConflict || (await this.#hasMoved(key, precondition, error))) {
        throw new PreconditionFailed(key, { cause: error });
      }
      throw storeError(`save ${key}`, error);
    }
  }

  /** Ceph says "deleted" to who raced a writer, and leaves what the writer has written. */
  async deleting(key: string, remove: () => Promise<void>): Promise<void> {
    for (let turn = 0; turn < deletions; turn += 1) {
      await remove();
      if ((await currentRevision(this.#connection, key)) === undefined) return;
    }
    throw new StoreUnavailable(`${key} is written as often as it is deleted`);
  }

  /** Ceph answers 500 to some losers; whoever cannot look leaves the question to the caller. */
  async #hasMoved(
    key: string,
    precondition: Precondition,
    { status }: S3RequestFailed,
  ): Promise<boolean> {
    if (status !== 500) return false;
    const expected = "revision" in precondition ? precondition.revision : undefined;
    return currentRevision(this.#connection, key).then(
      (current) => current !== expected,
      () => false,
    );
  }
}

/** For one process alone on the bucket: looks, then writes, one after the other for each key. */
export class ProcessConditions implements ConditionalWrites {
  readonly #connection: S3Connection;
  readonly #turns = new KeyedQueue();

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    const copy = Buffer.from(bytes);
    return this.#turns.run(key, async () => {
      try {
        const current = await currentRevision(this.#connection, key);
        const expected = "revision" in precondition ? precondition.revision : undefined;
        if (current !== expected) throw new PreconditionFailed(key);
        return await put(this.#connection, key, copy, {});
      } catch (error) {
        throw error instanceof S3RequestFailed ? storeError(`save ${key}`, error) : error;
      }
    });
  }

  deleting(key: string, remove: () => Promise<void>): Promise<void> {
    return this.#turns.run(key, remove);
  }
}

export interface Put {
  readonly condition?: { readonly IfNoneMatch: "*" } | { readonly IfMatch: string };
  readonly way?: "repeating" | "once";
}

/** @throws {S3RequestFailed} */
export async function put(
  connection: S3Connection,
  key: string,
  bytes: Uint8Array,
  { condition, way = "repeating" }: Put,
): Promise<Revision> {
  const command = new PutObjectCommand({
    Bucket: connection.bucket,
    Key: connection.prefix + key,
    Body: bytes,
    ContentLength: bytes.byteLength,
    ...condition,
  } as ConstructorParameters<typeof PutObjectCommand>[0]);
  const { ETag } = await connection.send(command, { way });
  const revision = revisionOf(ETag) ?? (await currentRevision(connection, key));
  return revision ?? ("" as Revision);
}

/** @returns undefined when there is no such object @throws {S3RequestFailed} */
export async function currentRevision(
  connection: S3Connection,
  key: string,
): Promise<Revision | undefined> {
  const target = { Bucket: connection.bucket, Key: connection.prefix + key };
  try {
    const { ETag } = await connection.send(new HeadObjectCommand(target));
    return revisionOf(ETag) ?? ("" as Revision);
  } catch (error) {
    if (error instanceof S3RequestFailed && error.isAbsent) return undefined;
    throw error;
  }
}

/** An ETag without its quotes; undefined where the store gave none. */
export function revisionOf(etag: string | undefined): Revision | undefined {
  return (etag?.replace(/^(?:W\/)?"(.*)"$/, "$1") || undefined) as Revision | undefined;
}

export function matching(revision: Revision, style: EtagStyle): string {
  return style === "quoted" ? `"${revision}"` : revision;
}
