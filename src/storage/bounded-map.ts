/**
 * A map that forgets what was not used lately when it grows beyond a number of bytes.
 *
 * Using an entry only marks it; the order is looked at when room is needed (second chance), so a hit
 * costs next to nothing.
 */

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
  used: boolean;
}

export class BoundedMap<K, V> {
  readonly #limit: number;
  readonly #entries = new Map<K, Entry<V>>();
  #bytes = 0;

  /** @param limit bytes of all entries together, as their writers reckon them */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  /** What is larger than a sixteenth of all is not kept: it would push out too much else. */
  set(key: K, value: V, bytes: number): void {
    this.delete(key);
    if (bytes > this.#limit / 16) return;
    this.#entries.set(key, { value, bytes, used: false });
    this.#bytes += bytes;
    this.#shrink();
  }

  delete(key: K): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** The oldest goes; whatever was used since it was last looked at goes to the end of the row. */
  #shrink(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= this.#limit) return;
      this.delete(key);
      if (!entry.used) continue;
      this.#entries.set(key, { ...entry, used: false });
      this.#bytes += entry.bytes;
    }
  }
}
