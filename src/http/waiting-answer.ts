/**
 * An answer that takes long, kept alive for the proxies in between.
 *
 * A proxy gives up on a server that is silent for a minute after the last byte of the request. So
 * after a while status 200 leaves, then a blank now and then, which JSON does not mind; how it went
 * stands in the document, which is the error's envelope when it went wrong.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Well below the 60 s of a proxy, and longer than what is usual takes. */
const defaultPatienceMs = 25_000;

export class WaitingAnswer {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #contentType: string;
  readonly #patienceMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    contentType: string,
    patienceMs = defaultPatienceMs,
  ) {
    this.#request = request;
    this.#response = response;
    this.#contentType = contentType;
    this.#patienceMs = patienceMs;
    this.#wait();
  }

  /** Whether the status has left: only the document can still be chosen. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Sends the document of an answer that has begun. */
  finish(document: object): void {
    this.stop();
    this.#response.end(`${JSON.stringify(document)}\n`);
  }

  /** Has to be called in any case. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#tick(), this.#patienceMs);
  }

  #tick(): void {
    this.#wait();
    // As long as the request is still coming, it is the client that everybody waits for.
    if (!this.#request.complete || this.#response.destroyed) return;
    if (!this.begun) {
      const headers = { "Content-Type": this.#contentType, "Cache-Control": "no-store" };
      this.#response.writeHead(200, headers);
    }
    this.#response.write(" ");
  }
}
