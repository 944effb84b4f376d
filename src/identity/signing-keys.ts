/** The keys that registry tokens are signed with; shared by all instances of one registry. */
import { randomBytes, randomUUID } from "node:crypto";

export interface SigningKey {
  /** Stands in each token, to find the key again. */
  readonly id: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
}

export interface SigningKeys {
  /** The key to sign with now. */
  current(): Promise<SigningKey>;
  /** A current or earlier key; undefined when it is unknown or was withdrawn. */
  find(id: string): Promise<SigningKey | undefined>;
}

/** Keys that live as long as the process: for one instance, and for tests. */
export class MemorySigningKeys implements SigningKeys {
  readonly #keys: SigningKey[] = [newSigningKey()];

  async current(): Promise<SigningKey> {
    return this.#keys.at(-1) ?? this.rotate();
  }

  async find(id: string): Promise<SigningKey | undefined> {
    return this.#keys.find((key) => key.id === id);
  }

  /** Signs with a new key from now on; `withdraw` makes earlier tokens invalid at once. */
  rotate({ withdraw = false } = {}): SigningKey {
    if (withdraw) this.#keys.length = 0;
    const key = newSigningKey();
    this.#keys.push(key);
    return key;
  }
}

export function newSigningKey(): SigningKey {
  return { id: randomUUID(), secret: randomBytes(32) };
}
