/**
 * Keys that every instance signs and checks with, kept in the store itself.
 *
 * Created once by whoever starts first, so instances share nothing but the storage. Rotation adds a
 * key in front; older ones keep verifying what they signed. Read once per process and looked up
 * again when a signature names a key that is not known yet.
 */
import { randomBytes } from "node:crypto";
import type { Documents } from "./documents.ts";

export interface SigningKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

interface StoredKeys {
  readonly keys: readonly { readonly id: string; readonly secret: string }[];
}

export class SigningKeyDocument {
  readonly #documents: Documents;
  readonly #key: string;
  #known: readonly SigningKey[] = [];

  constructor(documents: Documents, key: string) {
    this.#documents = documents;
    this.#key = key;
  }

  /** The key to sign with; made on the first call ever. */
  async current(): Promise<SigningKey> {
    const [newest] = this.#known.length > 0 ? this.#known : await this.#load();
    if (newest === undefined) throw new Error(`${this.#key} holds no key`);
    return newest;
  }

  /** The key a signature names, undefined when this registry never had it. */
  async find(id: string): Promise<SigningKey | undefined> {
    const match = (key: SigningKey): boolean => key.id === id;
    return this.#known.find(match) ?? (await this.#load()).find(match);
  }

  async #load(): Promise<readonly SigningKey[]> {
    const document = await this.#documents.update<StoredKeys>(this.#key, (stored) =>
      stored === undefined ? { keys: [newKey()] } : undefined,
    );
    this.#known = (document?.value.keys ?? []).map(({ id, secret }) => ({
      id,
      secret: Buffer.from(secret, "base64url"),
    }));
    return this.#known;
  }
}

function newKey(): StoredKeys["keys"][number] {
  return { id: randomBytes(4).toString("hex"), secret: randomBytes(32).toString("base64url") };
}
