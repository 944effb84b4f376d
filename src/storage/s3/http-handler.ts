/**
 * Carries the requests of the AWS client over undici, whose connections know proxies and own CAs.
 *
 * An answer must begin within the time that its operation has, waiting for a free connection
 * included; its body may not fall silent. Whatever breaks comes out as one error class, which the
 * client takes for a reason to try again.
 */
import { PassThrough, type Readable } from "node:stream";
import { type Dispatcher, stream } from "undici";

/** No answer: refused, reset, too late. `code` is the platform's, for example `ECONNREFUSED`. */
export class NetworkFailure extends Error {
  readonly code: string;
  constructor(code: string, options?: ErrorOptions) {
    super(`no answer (${code})`, options);
    // The name by which the client's retry strategy knows failures that pass.
    this.name = "TimeoutError";
    this.code = code;
  }
}

/** What the client hands over; a part of its own `HttpRequest`. */
interface ClientRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface HandlerOptions {
  readonly abortSignal?: object;
  /** Milliseconds until an answer must have begun. */
  readonly requestTimeout?: number;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Dispatcher.StreamFactoryData["headers"];
  readonly body: Readable;
}

interface ClientResponse {
  readonly response: {
    readonly statusCode: number;
    readonly headers: Record<string, string>;
    readonly body: Readable;
  };
}

const usualTimeoutMs = 30_000;
const silenceMs = 30_000;

export class HttpHandler {
  readonly metadata = { handlerProtocol: "http/1.1" } as const;
  readonly #dispatcher: Dispatcher;
  #open = 0;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  /** Requests whose answer has not been read to its end. */
  get open(): number {
    return this.#open;
  }

  async handle(asked: ClientRequest, options: HandlerOptions = {}): Promise<ClientResponse> {
    const { abortSignal, requestTimeout = usualTimeoutMs } = options;
    const signal = abortSignal as AbortSignal | undefined;
    signal?.throwIfAborted();
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const late = setTimeout(() => stop.abort(new NetworkFailure("ETIMEDOUT")), requestTimeout);
    const done = (): void => {
      this.#open -= 1;
      signal?.removeEventListener("abort", onAbort);
    };
    this.#open += 1;
    try {
      const { statusCode, headers, body } = await this.#send(asked, stop.signal, done);
      return { response: { statusCode, headers: plain(headers), body } };
    } catch (error) {
      done();
      throw asFailure(error, signal);
    } finally {
      clearTimeout(late);
    }
  }

  destroy(): void {
    this.#dispatcher.destroy().catch(() => undefined); // whoever waits has been told already
  }

  /**
   * Settles when the answer has begun; whoever reads its body is told what breaks later.
   *
   * @param onClosed told when the body has ended or broken, which it may have before this settles
   */
  #send(asked: ClientRequest, signal: AbortSignal, onClosed: () => void): Promise<Answer> {
    const { protocol, hostname, port, path, query = {}, method, headers, body } = asked;
    const origin = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`;
    const options = {
      dispatcher: this.#dispatcher,
      method: method as Dispatcher.HttpMethod,
      headers,
      body: body as Dispatcher.DispatchOptions["body"],
      headersTimeout: 0,
      bodyTimeout: silenceMs,
      signal,
    } as Parameters<typeof stream<null>>[1];
    return new Promise((resolve, reject) => {
      const onAnswer: Dispatcher.StreamFactory = (begun) => {
        const read = new Body();
        read.once("close", onClosed);
        // When nobody reads it, that it broke off is no news.
        read.on("error", () => undefined);
        resolve({ statusCode: begun.statusCode, headers: begun.headers, body: read });
        return read;
      };
      stream(`${origin}${path}${queryString(query)}`, options, onAnswer).catch(reject);
    });
  }

  /** Part of the client's interface; nothing can be changed. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

/** Of objects, which are the chunks: a stream of bytes would make a new one of two that are there. */
class Body extends PassThrough {
  constructor() {
    super({ objectMode: true, highWaterMark: 1 });
  }

  /** Whenever it may go on the parser begins with nothing, for which nobody has to wait. */
  override write(chunk: Uint8Array): boolean {
    return chunk.byteLength === 0 || super.write(chunk);
  }
}

/** Turns whatever broke into what the client tries again, except an abort by the caller. */
export function asFailure(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof NetworkFailure) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
  return new NetworkFailure(code, { cause: error });
}

function plain(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
  );
}

function queryString(query: NonNullable<ClientRequest["query"]>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    const values = value === null ? [undefined] : [value].flat();
    return values.map((one) =>
      one === undefined ? escaped(name) : `${escaped(name)}=${escaped(one)}`,
    );
  });
  return pairs.length > 0 ? `?${pairs.sort().join("&")}` : "";
}

/** As signatures want it: also what `encodeURIComponent` leaves. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
