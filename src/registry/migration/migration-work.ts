/** What one pass of a migration works on, and what it tells. */
import type { ObjectStore } from "../../storage/object-store.ts";

export interface Copied {
  readonly blobs?: number;
  /** Of data; content inside records is not counted. */
  readonly bytes?: number;
  /** Written or removed, records of blobs included. */
  readonly documents?: number;
}

export interface MigrationWork {
  readonly source: ObjectStore;
  readonly target: ObjectStore;
  /** Whether what was written is read again and hashed. */
  readonly readBack: boolean;
  readonly signal: AbortSignal;
  copied(what: Copied): void;
  /** Something of the source cannot be read as what it should be. */
  damaged(key: string, cause: Error): void;
}
