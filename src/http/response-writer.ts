/**
 * Writes a body to a client at the client's own pace.
 *
 * Each write ends only when the bytes have left for the kernel, so the caller may reuse its buffer;
 * a client that goes away ends the write in progress and aborts `signal`, which stops the source.
 */
import type { ServerResponse } from "node:http";

export class ClientGone extends Error {
  readonly code = "CLIENT_GONE";
  constructor(options?: ErrorOptions) {
    super("the client closed the connection before the answer was complete", options);
    this.name = "ClientGone";
  }
}

export class ResponseWriter {
  readonly #response: ServerResponse;
  readonly #gone = new AbortController();
  #failWrite: ((cause: Error) => void) | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    if (response.destroyed) this.#close();
    else response.once("close", this.#close);
  }

  /** Aborted when the client goes away before the answer is complete. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** @throws {ClientGone} */
  write(chunk: Uint8Array): Promise<void> {
    return this.#send((done) => this.#response.write(chunk, done));
  }

  /** Writes the last chunk and waits until it has left. @throws {ClientGone} */
  end(chunk?: Uint8Array): Promise<void> {
    return this.#send((done) =>
      chunk === undefined ? this.#response.end(done) : this.#response.end(chunk, done),
    );
  }

  /** Lets go of the response, which may already serve as the end of another request's answer. */
  release(): void {
    this.#response.off("close", this.#close);
  }

  /** Node drops the callback of a write to a dead socket, so "close" has to end the wait too. */
  #send(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#gone.signal.aborted) return reject(new ClientGone());
      this.#failWrite = reject;
      start((error) => {
        this.#failWrite = undefined;
        if (error) reject(new ClientGone({ cause: error }));
        else resolve();
      });
    });
  }

  readonly #close = (): void => {
    if (this.#response.writableFinished) return;
    const gone = new ClientGone();
    this.#gone.abort(gone);
    this.#failWrite?.(gone);
  };
}
