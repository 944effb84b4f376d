/**
 * HTTP/1.1 as bytes: writes what no client library would send, and reads answers as strictly as the
 * rarest client does.
 *
 * An answer that cannot be told from the next one, or is longer than it says, is an error here: that
 * is what request smuggling lives on.
 */
import type { Duplex } from "node:stream";

export interface WireRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer;
  /** In chunks of this size, its length unannounced. */
  readonly chunkBytes?: number;
}

export interface WireAnswer {
  readonly status: number;
  /** Lower-case names; a header that came twice has its values in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: Buffer;
  /** Whether the server closes the connection behind this answer. */
  readonly last: boolean;
}

/** An answer that breaks the protocol. */
export class WireError extends Error {}

export function encodeRequest(request: WireRequest): Buffer {
  const { method, target, headers, body, chunkBytes } = request;
  const framing =
    body === undefined
      ? []
      : [chunkBytes ? "Transfer-Encoding: chunked" : `Content-Length: ${body.byteLength}`];
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...framing,
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (body === undefined) return head;
  return Buffer.concat([head, ...(chunkBytes ? inChunks(body, chunkBytes) : [body])]);
}

function inChunks(body: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.byteLength; at += size) {
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.byteLength.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return [...parts, Buffer.from("0\r\n\r\n")];
}

const patienceMs = 60_000;
const statusLine = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/;
const headerLine = /^([A-Za-z0-9-]+): ([\x20-\x7e\t]*)$/;

/** One connection: requests go out as bytes, answers are read one by one. */
export class WireConnection {
  readonly #socket: Duplex;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #invitations = 0;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = this.#received.byteLength ? Buffer.concat([this.#received, chunk]) : chunk;
      this.#wake();
    });
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("error", (error) => this.#end(error));
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** How often the server said `100 Continue`, as far as answers were read. */
  get invitations(): number {
    return this.#invitations;
  }

  /** Waits for `100 Continue`. @throws {WireError} when something else comes */
  async invitation(): Promise<void> {
    const head = await this.#head();
    if (head?.status !== 100) throw this.#broken(`${head?.status} instead of an invitation`);
    this.#invitations += 1;
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Says that nothing more comes; answers can still be read. */
  finish(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /**
   * @param method of the request that is answered
   * @returns undefined when the server closed without an answer
   * @throws {WireError}
   */
  async read(method: string): Promise<WireAnswer | undefined> {
    for (;;) {
      const head = await this.#head();
      if (head === undefined) return undefined;
      const { status, headers } = head;
      if (status === 100) {
        this.#invitations += 1;
        continue;
      }
      const body = await this.#body(method, status, headers);
      const last = headers.get("connection")?.includes("close") ?? false;
      return { status, headers, body, last };
    }
  }

  async #head() {
    const end = await this.#endOfHead();
    if (end === undefined) return undefined;
    const [first = "", ...lines] = this.#take(end + 4)
      .toString("latin1", 0, end)
      .split("\r\n");
    const status = Number(statusLine.exec(first)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) throw this.#broken(`the status line ${JSON.stringify(first)}`);
    return { status, headers: this.#headers(lines) };
  }

  async #endOfHead(): Promise<number | undefined> {
    for (;;) {
      const end = this.#received.indexOf("\r\n\r\n");
      if (end >= 0) return end;
      if (await this.#more()) continue;
      if (this.#received.byteLength === 0) return undefined;
      throw this.#broken("a cut off head");
    }
  }

  #headers(lines: readonly string[]): Map<string, string[]> {
    const headers = new Map<string, string[]>();
    for (const line of lines) {
      const [, name = "", value = ""] = headerLine.exec(line) ?? [];
      if (name === "") throw this.#broken(`the header ${JSON.stringify(line)}`);
      const key = name.toLowerCase();
      headers.set(key, [...(headers.get(key) ?? []), value]);
    }
    return headers;
  }

  async #body(
    method: string,
    status: number,
    headers: ReadonlyMap<string, readonly string[]>,
  ): Promise<Buffer> {
    const [length, ...others] = headers.get("content-length") ?? [];
    const coded = headers.get("transfer-encoding");
    if (others.length > 0 || (length !== undefined && coded)) {
      throw this.#broken("an answer with two lengths");
    }
    if (method === "HEAD" || status === 204 || status === 304) return Buffer.alloc(0);
    if (coded) return this.#chunks();
    if (length === undefined || !/^\d+$/.test(length)) throw this.#broken(`the length ${length}`);
    return this.#bytes(Number(length));
  }

  async #chunks(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const size = Number.parseInt(await this.#line(), 16);
      if (Number.isNaN(size)) throw this.#broken("a chunk without a size");
      const part = await this.#bytes(size);
      if ((await this.#line()) !== "") throw this.#broken("a chunk without an end");
      if (size === 0) return Buffer.concat(parts);
      parts.push(part);
    }
  }

  async #line(): Promise<string> {
    let end = this.#received.indexOf("\r\n");
    while (end < 0) {
      if (!(await this.#more())) throw this.#broken("a cut off chunk");
      end = this.#received.indexOf("\r\n");
    }
    return this.#take(end + 2).toString("latin1", 0, end);
  }

  async #bytes(count: number): Promise<Buffer> {
    while (this.#received.byteLength < count) {
      if (!(await this.#more()))
        throw this.#broken(`${this.#received.byteLength} of ${count} bytes`);
    }
    return this.#take(count);
  }

  #take(count: number): Buffer {
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  /** @returns whether something has come */
  async #more(): Promise<boolean> {
    const before = this.#received.byteLength;
    if (this.#ended) return false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#socket.destroy(new WireError(`no answer in ${patienceMs / 1000} s`));
      }, patienceMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.#received.byteLength > before;
  }

  #end(failure?: Error): void {
    this.#failure ??= failure;
    this.#ended = true;
    this.#wake();
  }

  #broken(what: string): WireError {
    return new WireError(`the server sent ${what}`, { cause: this.#failure });
  }
}
