/**
 * Upload sessions that ended in this process without ever having had a document.
 *
 * A closing request that carries the whole body writes the blob and nothing else, so nothing in the
 * store tells that the session is over. What another process ended, or was forgotten here, reads as a
 * session without bytes: it names no content, so that harms nobody.
 */
const kept = 4096;

export class EndedSessions {
  readonly #ended = new Set<string>();

  add(session: string): void {
    this.#ended.add(session);
    const [oldest] = this.#ended;
    if (this.#ended.size > kept && oldest !== undefined) this.#ended.delete(oldest);
  }

  has(session: string): boolean {
    return this.#ended.has(session);
  }
}
