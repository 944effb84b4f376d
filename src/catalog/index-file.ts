/**
 * One answer of `/repo`, ready to send: a JSON document of many parts, its tag and its gzip form.
 *
 * The parts are shared between the variants of an index, so that a variant costs an array and not a
 * copy of the catalogue; the gzip form is made when the first client asks for it.
 */
import { promisify } from "node:util";
import { gzip as gzipCallback } from "node:zlib";
import { digestOf, hexOf } from "../oci/digest.ts";

const gzip = promisify(gzipCallback);

/** Bytes of one package in the index, with the hash of them. */
export interface RenderedEntry {
  readonly bytes: Buffer;
  readonly digest: string;
}

export class IndexFile {
  readonly parts: readonly Buffer[];
  /** Bytes of all parts. */
  readonly size: number;
  /** 64 hexadecimal digits, equal for equal bytes. */
  readonly hash: string;
  #gzip: Promise<Buffer> | undefined;

  constructor(entries: readonly RenderedEntry[]) {
    const comma = Buffer.from(",\n");
    const parts = entries.flatMap(({ bytes }, at) => (at === 0 ? [bytes] : [comma, bytes]));
    this.parts = [Buffer.from('{"packages":['), ...parts, Buffer.from("]}\n")];
    this.size = this.parts.reduce((sum, part) => sum + part.length, 0);
    this.hash = hexOf(digestOf(entries.map(({ digest }) => digest).join()));
  }

  gzip(): Promise<Buffer> {
    this.#gzip ??= gzip(Buffer.concat(this.parts)).catch((error) => {
      this.#gzip = undefined;
      throw error;
    });
    return this.#gzip;
  }

  /** The bytes from `start` to `end`, both included, in pieces that are worth a write each. */
  *slice(start = 0, end = this.size - 1): Generator<Buffer> {
    let gathered: Buffer[] = [];
    let length = 0;
    let offset = 0;
    for (const part of this.parts) {
      const wanted = part.subarray(Math.max(0, start - offset), Math.max(0, end + 1 - offset));
      offset += part.length;
      gathered.push(wanted);
      length += wanted.length;
      if (length < pieceSize) continue;
      yield Buffer.concat(gathered);
      [gathered, length] = [[], 0];
    }
    if (length > 0) yield Buffer.concat(gathered);
  }
}

const pieceSize = 256 * 1024;
