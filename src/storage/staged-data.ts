/**
 * Data on its way into a directory: written behind the caller's back, synced before it is visible.
 *
 * A large file is handed to the disk while it still grows, so that the sync at its end has little left
 * to wait for, whatever the size.
 */
import { closeSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import path from "node:path";
import { type StagedFile, syncContent, syncDirectory } from "./durable-file.ts";
import { GatheringWriter } from "./gathering-writer.ts";
import type { StagedWrite } from "./object-store.ts";
import { explained } from "./platform-error.ts";

/** So many bytes are worth a sync of their own. */
const syncedBytes = 32 * 1024 * 1024;

/** A sync keeps one of the few threads busy: one file at a time goes ahead, the others wait to the end. */
let isSyncingAhead = false;

export interface StagedPlace {
  /** Names the object in errors. */
  readonly key: string;
  /** The file that it becomes. */
  readonly target: string;
  /** Makes a directory, durably. */
  readonly ensure: (directory: string) => Promise<void>;
}

export class StagedData implements StagedWrite {
  readonly #file: StagedFile;
  readonly #place: StagedPlace;
  readonly #writer: GatheringWriter;
  #size = 0;
  #written = 0;
  #synced = 0;
  #syncing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #closing: Promise<void> | undefined;

  /** @param file owned from now on */
  constructor(file: StagedFile, place: StagedPlace) {
    this.#file = file;
    this.#place = place;
    this.#writer = new GatheringWriter(file.descriptor, (bytes) => {
      this.#written += bytes;
      this.#syncAhead();
    });
  }

  append(chunk: Uint8Array): Promise<void> {
    return explained(`append to ${this.#place.key}`, async () => {
      this.#check();
      await this.#writer.write(chunk);
      this.#size += chunk.byteLength;
    });
  }

  commit(): Promise<number> {
    const { key, target, ensure } = this.#place;
    return explained(`commit ${key}`, async () => {
      await this.#writer.end();
      await this.#syncing;
      this.#check();
      await syncContent(this.#file.descriptor);
      await this.#close();
      await ensure(path.dirname(target));
      await rename(this.#file.path, target);
      await syncDirectory(path.dirname(target));
      return this.#size;
    });
  }

  async abort(): Promise<void> {
    await this.#close();
    await rm(this.#file.path, { force: true });
  }

  /** An error of the disk is told to one sync only, so it is kept for the end. */
  #syncAhead(): void {
    if (isSyncingAhead || this.#written - this.#synced < syncedBytes) return;
    isSyncingAhead = true;
    this.#synced = this.#written;
    this.#syncing = syncContent(this.#file.descriptor)
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        isSyncingAhead = false;
      });
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Not while a thread still works on the descriptor, which may be another file's a moment later. */
  #close(): Promise<void> {
    this.#closing ??= this.#closeIdle();
    return this.#closing;
  }

  async #closeIdle(): Promise<void> {
    await this.#writer.close();
    await this.#syncing;
    closeSync(this.#file.descriptor);
  }
}
