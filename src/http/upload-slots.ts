/**
 * How many requests may send content at the same time, from one client and in all.
 *
 * Each holds a buffer and a file; without a bound, many slow senders take the memory and the
 * descriptors that pulls need. Whoever comes too late is told so at once, before any body is read.
 */
import { RegistryError } from "../oci/registry-error.ts";

export class TooManyUploads extends RegistryError {
  readonly code = "TOOMANYREQUESTS";
  constructor(limit: number, of: "this client" | "all clients") {
    super(`more than ${limit} uploads of ${of} at the same time; try again in a moment`, {
      limit,
      of,
    });
  }
}

export interface UploadLimits {
  /** Of all clients together, in this process. */
  readonly total: number;
  readonly perClient: number;
}

export class UploadSlots {
  readonly #limits: UploadLimits;
  readonly #clients = new Map<string, number>();
  #used = 0;

  constructor(limits: UploadLimits) {
    this.#limits = limits;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * @param client whom to count it for
   * @returns a function to call once, when the request has ended
   * @throws {TooManyUploads}
   */
  take(client: string): () => void {
    this.check(client);
    this.#used += 1;
    this.#clients.set(client, this.#of(client) + 1);
    return () => {
      this.#used -= 1;
      const left = this.#of(client) - 1;
      if (left > 0) this.#clients.set(client, left);
      else this.#clients.delete(client);
    };
  }

  /** For requests that only prepare an upload. @throws {TooManyUploads} */
  check(client: string): void {
    const { total, perClient } = this.#limits;
    if (this.#of(client) >= perClient) throw new TooManyUploads(perClient, "this client");
    if (this.#used >= total) throw new TooManyUploads(total, "all clients");
  }

  #of(client: string): number {
    return this.#clients.get(client) ?? 0;
  }
}
