/**
 * Remembers the uploads of large blobs, so that a command that was killed goes on where it stood.
 *
 *     <cache>/dcos-registry/uploads/<hash of registry and digest>   the session's route
 *
 * Losing an entry costs time only: the registry tells how far a session is, or that it is gone.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Digest } from "../oci/digest.ts";

export class UploadJournal {
  readonly #directory: string | undefined;
  readonly #registry: string;

  /** @param directory undefined remembers nothing */
  constructor(directory: string | undefined, registry: URL) {
    this.#directory = directory;
    this.#registry = registry.href;
  }

  /** @returns the route of a session that may still be there */
  async recall(digest: Digest): Promise<string | undefined> {
    const file = this.#file(digest);
    const text = file && (await readFile(file, "utf8").catch(() => undefined));
    return text && /^v2\/[\w./?=&%~-]+$/.test(text) ? text : undefined;
  }

  async remember(digest: Digest, route: string): Promise<void> {
    const file = this.#file(digest);
    if (file === undefined) return;
    // A home that cannot be written to is no reason not to upload.
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 }).catch(() => undefined);
    await writeFile(file, route, { mode: 0o600 }).catch(() => undefined);
  }

  async forget(digest: Digest): Promise<void> {
    const file = this.#file(digest);
    if (file !== undefined) await rm(file, { force: true }).catch(() => undefined);
  }

  #file(digest: Digest): string | undefined {
    if (this.#directory === undefined) return undefined;
    const name = createHash("sha256").update(`${this.#registry}\n${digest}`).digest("hex");
    return path.join(this.#directory, name);
  }
}
