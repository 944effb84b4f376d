/**
 * One client's connections, byte for byte: header lines go out as they are written, bodies with a
 * length or in chunks, and answers are read as they come.
 *
 * A request with `Connection: close` must end its connection; without it the connection must go on
 * to serve the next request.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Answer, Expectation } from "./script.ts";

export interface WireStep {
  /** Request line without the version, then header lines. `Host` is added. Placeholders as in scripts. */
  readonly lines: readonly string[];
  readonly body?: Buffer;
  /** Sends the body in chunks of this many bytes instead of announcing its length. */
  readonly chunked?: number;
  readonly expect: Expectation;
  /** Remembers this header of the answer as a placeholder. */
  readonly keep?: { readonly header: string; readonly as: string };
}

const headEnd = "\r\n\r\n";

export class Wire {
  readonly #port: number;
  #open: Reading | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends the request and reads its answer; a body that has to be asked for is held back until then. */
  async ask(lines: readonly string[], body: Buffer, chunked: number | undefined): Promise<Answer> {
    this.#open ??= await Reading.connect(this.#port);
    const reading = this.#open;
    const [request = "", ...headers] = lines;
    const head = [`${request} HTTP/1.1`, `Host: 127.0.0.1:${this.#port}`, ...headers];
    reading.socket.write(head.join("\r\n") + headEnd);
    const asks = headers.some((line) => /^expect: 100-continue$/i.test(line));
    const early = asks ? await reading.head() : undefined;
    if (early === undefined || early.status === 100) {
      for (const piece of framed(body, chunked)) reading.socket.write(piece);
    }
    const started = early && early.status !== 100 ? early : await reading.head();
    const answer = await reading.body(started, request.startsWith("HEAD "));
    const closes = headers.some((line) => /^connection: close$/i.test(line));
    if (closes || answer.headers["connection"] === "close") {
      await reading.end();
      this.#open = undefined;
    }
    return answer;
  }

  close(): void {
    this.#open?.socket.destroy();
  }
}

function framed(body: Buffer, chunked: number | undefined): (Buffer | string)[] {
  if (chunked === undefined) return [body];
  const pieces: (Buffer | string)[] = [];
  for (let at = 0; at < body.byteLength; at += chunked) {
    const piece = body.subarray(at, at + chunked);
    pieces.push(`${piece.byteLength.toString(16)}\r\n`, piece, "\r\n");
  }
  return [...pieces, "0\r\n\r\n"];
}

type Head = Pick<Answer, "status" | "headers">;

/** What has come on a connection and was not read yet. */
class Reading {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #ended = false;
  #arrived: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#arrived();
    });
    socket.on("error", () => undefined); // seen as the end, by "close"
    socket.on("close", () => {
      this.#ended = true;
      this.#arrived();
    });
  }

  static async connect(port: number): Promise<Reading> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Reading(socket);
  }

  async head(): Promise<Head> {
    await this.#until(() => this.#bytes.includes(headEnd));
    const end = this.#bytes.indexOf(headEnd);
    const [status = "", ...lines] = this.#bytes.toString("latin1", 0, end).split("\r\n");
    this.#bytes = this.#bytes.subarray(end + headEnd.length);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(status)?.[1]), headers };
  }

  async body({ status, headers }: Head, ofHead: boolean): Promise<Answer> {
    const bodiless = ofHead || status === 204 || status === 304;
    const length = bodiless ? 0 : Number(headers["content-length"] ?? Number.NaN);
    assert.ok(length >= 0, "an answer without a length");
    await this.#until(() => this.#bytes.byteLength >= length);
    const body = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return { status, headers, body };
  }

  /** The server closes the connection, and has sent nothing more. */
  async end(): Promise<void> {
    await this.#until(() => this.#ended);
    assert.equal(this.#bytes.byteLength, 0, "bytes behind the answer");
  }

  async #until(there: () => boolean): Promise<void> {
    while (!there()) {
      assert.ok(!this.#ended, `the connection ended behind ${this.#bytes.toString("latin1")}`);
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }
}
