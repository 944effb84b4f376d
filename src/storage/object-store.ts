/**
 * The port to bytes at rest: seven methods that are honest on a disk and on a bucket alike.
 *
 * Two kinds of objects live here. *Documents* are small, loaded and saved whole, and change only
 * under a precondition. *Data* is written once under a key that is never used again and read as a
 * stream. The one contract suite in test/storage runs unchanged against every adapter.
 */

declare const revisionBrand: unique symbol;

/** Names one state of a document; opaque, differs between any two states. */
export type Revision = string & { readonly [revisionBrand]: true };

export interface LoadedObject {
  readonly bytes: Buffer;
  readonly revision: Revision;
}

/** There is no blind write: a document is created where none is, or replaces a known revision. */
export type Precondition = { readonly absent: true } | { readonly revision: Revision };

/** Byte positions, both inclusive, both inside the object. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ReadOptions {
  readonly range?: ByteRange;
  readonly signal?: AbortSignal;
}

/** Data of unknown length on its way in; invisible until committed. End it with commit or abort. */
export interface StagedWrite {
  /** @param chunk may be reused by the caller once the promise has settled */
  append(chunk: Uint8Array): Promise<void>;
  /** Makes the object durable, then visible. @returns its size in bytes */
  commit(): Promise<number>;
  /** Leaves nothing behind. May be called at any time, also after a failed append or commit. */
  abort(): Promise<void>;
}

export interface ListOptions {
  /** Only keys greater than this one. */
  readonly after?: string;
  /** The most keys that are wanted; 1,000 when left out. */
  readonly limit?: number;
  /** Whether stamps are wanted, too; they may cost a little for each key. */
  readonly stamps?: boolean;
  /** Whether sizes are wanted, at the same price. */
  readonly sizes?: boolean;
}

export interface ListPage {
  /** In ascending byte order. */
  readonly keys: readonly string[];
  /** Whether there are more keys behind the last one. */
  readonly more: boolean;
  /**
   * When asked for: one for each key, opaque. An object that has the same stamp in two listings is
   * the same; whoever loads it behind the first listing sees that state or a later one. Undefined
   * where nothing can be promised, which then counts as changed.
   */
  readonly stamps?: readonly (string | undefined)[];
  /** When asked for: bytes of each object; undefined where it went meanwhile. */
  readonly sizes?: readonly (number | undefined)[];
}

/**
 * All methods reject with `StoreUnavailable` when the platform fails, with `StoreFull` when there is
 * no room, and with a plain `TypeError` for a key outside the grammar (a mistake of the caller).
 */
export interface ObjectStore {
  /**
   * Whether `list` keeps its promise. A store that shows new keys late cannot be collected: what is
   * not listed counts as not there.
   */
  readonly listsEveryKey: boolean;

  /** @returns the size in bytes, undefined when there is no such object */
  stat(key: string): Promise<number | undefined>;

  /**
   * Reads a document whole. Sees every write that was acknowledged before the call.
   *
   * @param known a revision whose bytes the caller has: an adapter may answer it without any
   */
  load(key: string, known?: Revision): Promise<LoadedObject | undefined>;

  /**
   * Writes a document; durable when the promise resolves.
   *
   * @throws {PreconditionFailed} also for a revision of a key that does not exist any more
   */
  save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision>;

  /**
   * Streams data. **A chunk is valid only until the next one is asked for**: adapters reuse their
   * buffers. Ending the iteration early, also before its first chunk, releases everything. The
   * bytes asked for come complete, or the iteration fails with `ObjectDamaged`.
   *
   * @throws {ObjectNotFound} before the first chunk
   */
  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Buffer>>;

  /** Starts writing data under a key that was never used before. */
  stage(key: string): Promise<StagedWrite>;

  /** Removes an object; nothing happens when there is none. Only for keys that are never reused. */
  delete(key: string): Promise<void>;

  /**
   * Keys that start with `prefix`, page by page. Every key that existed throughout the call is
   * listed, also when it is overwritten meanwhile.
   *
   * @param prefix ends with `/`, or is empty for everything
   */
  list(prefix: string, options?: ListOptions): Promise<ListPage>;
}

/** Data on its way in, left behind by a process that died; not visible as an object. */
export interface UnfinishedUpload {
  readonly key: string;
  /** Opaque, never used again. */
  readonly id: string;
}

/**
 * What a store can do beside the port when unfinished data outlives the process that wrote it. An
 * upload that is still going on is listed, too: only its age, as watched by the caller, tells.
 */
export interface UnfinishedUploads {
  /** Every unfinished upload of the store. */
  unfinished(): Promise<readonly UnfinishedUpload[]>;
  /** Nothing happens when it has ended meanwhile. */
  discardUnfinished(upload: UnfinishedUpload): Promise<void>;
}

const segment = "[A-Za-z0-9_!][A-Za-z0-9_!.=+,@-]{0,254}";
const keyGrammar = new RegExp(`^${segment}(?:/${segment})*$`);

/** Keys are made by this program only, so a bad one is a programming error, never an input error. */
export function checkKey(key: string): string {
  if (!isKey(key)) throw new TypeError(`not an object key: ${key}`);
  return key;
}

/** Whether a name found in a store can be one of ours. */
export function isKey(name: string): boolean {
  return name.length <= 900 && keyGrammar.test(name);
}

export function checkPrefix(prefix: string): string {
  if (prefix === "") return prefix;
  if (!prefix.endsWith("/")) throw new TypeError(`not a key prefix: ${prefix}`);
  checkKey(prefix.slice(0, -1));
  return prefix;
}
