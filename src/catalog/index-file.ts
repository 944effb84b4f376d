/**
 * One answer of `/repo`, ready to send: a JSON document of many parts, its tag and its gzip form.
 *
 * The parts are shared between the variants of an index, so that a variant costs an array and not a
 * copy of the catalogue; the gzip form is made when the first client asks for it.
 */
import { promisify } from "node:util";
import { gzip as gzipCallback } from "node:zlib";
import { digestOf, hexOf } from "../oci/digest.ts";
import { type IndexPages, inRow, pageBytes } from "./index-pages.ts";

const gzip = promisify(gzipCallback);
/** It is made once and sent many times, so it may take longer to be smaller. */
const thorough = { level: 9, memLevel: 9, chunkSize: pageBytes };

const separator = ",\n";
/** Smaller pieces are put together before they are sent. */
const worthSending = pageBytes / 4;

/** One package in the index. */
export interface RenderedEntry {
  /** Its JSON, and what separates it from the next one. */
  readonly bytes: Buffer;
  readonly digest: string;
}

export function renderedEntry(entry: object, pages: IndexPages): RenderedEntry {
  const text = JSON.stringify(entry);
  return { bytes: pages.write(text + separator), digest: digestOf(text) };
}

export class IndexFile {
  readonly parts: readonly Buffer[];
  /** Bytes of all parts. */
  readonly size: number;
  /** 64 hexadecimal digits, equal for equal bytes. */
  readonly hash: string;
  #gzip: Promise<Buffer> | undefined;
  #zipped: Buffer | undefined;

  constructor(entries: readonly RenderedEntry[]) {
    const rows = inRow(entries.map(({ bytes }) => bytes));
    const last = rows.pop();
    const listed = last ? [...rows, last.subarray(0, last.length - separator.length)] : [];
    this.parts = [Buffer.from('{"packages":['), ...listed, Buffer.from("]}\n")];
    this.size = this.parts.reduce((sum, part) => sum + part.length, 0);
    this.hash = hexOf(digestOf(entries.map(({ digest }) => digest).join()));
  }

  /** The gzip form, if somebody has asked for it and it is made. */
  get zipped(): Buffer | undefined {
    return this.#zipped;
  }

  gzip(): Promise<Buffer> {
    this.#gzip ??= this.#zip();
    return this.#gzip;
  }

  async #zip(): Promise<Buffer> {
    try {
      this.#zipped = await gzip(Buffer.concat(this.parts), thorough);
      return this.#zipped;
    } catch (error) {
      this.#gzip = undefined;
      throw error;
    }
  }

  /** The bytes from `start` to `end`, both included, in pieces that are worth a write each. */
  *slice(start = 0, end = this.size - 1): Generator<Buffer> {
    let small: Buffer[] = [];
    let length = 0;
    let offset = 0;
    for (const part of this.parts) {
      const wanted = part.subarray(Math.max(0, start - offset), Math.max(0, end + 1 - offset));
      offset += part.length;
      if (wanted.length >= worthSending) {
        if (length > 0) yield Buffer.concat(small);
        [small, length] = [[], 0];
        yield wanted;
        continue;
      }
      small.push(wanted);
      length += wanted.length;
      if (length < pageBytes) continue;
      yield Buffer.concat(small);
      [small, length] = [[], 0];
    }
    if (length > 0) yield Buffer.concat(small);
  }
}
