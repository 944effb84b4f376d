/**
 * An ObjectStore in a bucket of an S3-compatible service, below a path.
 *
 * ```
 * <path>/<key>             objects
 * <path>/.probe/<random>   gone again when the server has started
 * ```
 *
 * A document's revision is its ETag. Data becomes visible with one request whatever its size.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import {
  checkKey,
  checkPrefix,
  isKey,
  type ListOptions,
  type ListPage,
  type LoadedObject,
  type ObjectStore,
  type Precondition,
  type ReadOptions,
  type Revision,
  type StagedWrite,
  type UnfinishedUpload,
  type UnfinishedUploads,
} from "../object-store.ts";
import { type ConditionalWrites, revisionOf } from "./conditional-writes.ts";
import { PartBuffers } from "./part-buffers.ts";
import { readObject, readWhole } from "./read-object.ts";
import type { S3Connection } from "./s3-client.ts";
import { S3RequestFailed, storeError } from "./s3-error.ts";
import { StagedObject, usualPartBytes } from "./staged-object.ts";
import { discardUpload, unfinishedUploads } from "./unfinished-uploads.ts";

/** Memory for parts of all uploads of a process together: twelve usual ones. */
const partBudgetBytes = 12 * usualPartBytes;
/** More is not given by any service. */
const largestPage = 1000;
const nothing = Buffer.alloc(0);

export interface S3StoreParts {
  readonly connection: S3Connection;
  readonly conditions: ConditionalWrites;
  readonly listsEveryKey: boolean;
}

export class S3Store implements ObjectStore, UnfinishedUploads {
  readonly listsEveryKey: boolean;
  readonly #connection: S3Connection;
  readonly #conditions: ConditionalWrites;
  readonly #buffers = new PartBuffers(partBudgetBytes, usualPartBytes);

  constructor({ connection, conditions, listsEveryKey }: S3StoreParts) {
    this.#connection = connection;
    this.#conditions = conditions;
    this.listsEveryKey = listsEveryKey;
  }

  async stat(key: string): Promise<number | undefined> {
    const target = this.#target(key);
    return explained(`stat ${key}`, async () => {
      const { ContentLength } = await this.#connection.send(new HeadObjectCommand(target));
      return ContentLength;
    });
  }

  async load(key: string, known?: Revision): Promise<LoadedObject | undefined> {
    const unless = known ? { IfNoneMatch: `"${known}"` } : {};
    const command = { ...this.#target(key), ...unless };
    const whole = (): Promise<LoadedObject> =>
      readWhole(async () => {
        const answer = await this.#connection.send(new GetObjectCommand(command));
        return { body: answer.Body, size: answer.ContentLength, revision: revisionOf(answer.ETag) };
      });
    return explained(`load ${key}`, () =>
      whole().catch((error: unknown) => {
        if (known && error instanceof S3RequestFailed && error.status === 304) {
          return { bytes: nothing, revision: known };
        }
        throw error;
      }),
    );
  }

  async save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    return this.#conditions.save(checkKey(key), bytes, precondition);
  }

  async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    return readObject(this.#connection, checkKey(key), options);
  }

  async stage(key: string): Promise<StagedWrite> {
    return new StagedObject(this.#connection, this.#buffers, checkKey(key));
  }

  async delete(key: string): Promise<void> {
    const target = this.#target(key);
    const remove = async (): Promise<void> => {
      await this.#connection.send(new DeleteObjectCommand(target));
    };
    await explained(`delete ${key}`, () => this.#conditions.deleting(key, remove));
  }

  async list(
    prefix: string,
    { after = "", limit = largestPage, stamps = false, sizes = false }: ListOptions = {},
  ): Promise<ListPage> {
    checkPrefix(prefix);
    // What others have put below the path has names that are no keys; a page is never only those.
    for (let start = after; ; ) {
      const page = await this.#page(prefix, start, Math.min(limit, largestPage));
      const ours = page.found.filter(({ key }) => isKey(key));
      const found = ours.slice(0, limit);
      start = page.found.at(-1)?.key ?? start;
      if (found.length === 0 && page.more && limit > 0) continue;
      return {
        keys: found.map(({ key }) => key),
        more: page.more || ours.length > limit,
        ...(stamps && { stamps: found.map(({ stamp }) => stamp) }),
        ...(sizes && { sizes: found.map(({ size }) => size) }),
      };
    }
  }

  async unfinished(): Promise<readonly UnfinishedUpload[]> {
    return (await explained("list uploads", () => unfinishedUploads(this.#connection))) ?? [];
  }

  async discardUnfinished(upload: UnfinishedUpload): Promise<void> {
    checkKey(upload.key);
    await explained(`abort ${upload.key}`, () => discardUpload(this.#connection, upload));
  }

  async #page(prefix: string, after: string, limit: number): Promise<Page> {
    const { bucket, prefix: path } = this.#connection;
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: path + prefix,
      // A page of nothing would not say whether there is something.
      MaxKeys: Math.max(limit, 1),
      ...(path + after !== "" && { StartAfter: path + after }),
    });
    const page = await explained(`list ${prefix}`, () => this.#connection.send(command));
    const found = (page?.Contents ?? []).map(({ Key = "", ETag, Size }) => ({
      key: Key.slice(path.length),
      stamp: revisionOf(ETag),
      size: Size,
    }));
    return { found, more: page?.IsTruncated === true };
  }

  #target(key: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.#connection;
    return { Bucket: bucket, Key: prefix + checkKey(key) };
  }
}

interface ListedObject {
  readonly key: string;
  readonly stamp: string | undefined;
  readonly size: number | undefined;
}

interface Page {
  readonly found: readonly ListedObject[];
  readonly more: boolean;
}

/** @returns undefined when there is no such object */
async function explained<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof S3RequestFailed)) throw error;
    if (error.isAbsent) return undefined;
    throw storeError(what, error);
  }
}
