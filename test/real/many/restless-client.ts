/**
 * Pushes and pulls in every way the distribution API knows, drops connections at random, takes up
 * again what was cut off, and notes what the registry has acknowledged.
 */
import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { mediaType } from "../../../src/oci/media-type.ts";
import { type Random, random } from "../../random.ts";
import type { Exchange, Exchanged, WireClient } from "./wire-client.ts";

/** What one client or all of them were promised: digest or name → path and bytes to expect. */
export interface Acknowledged {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

export class Promised {
  readonly all: Acknowledged[] = [];
  dropped = 0;
  resumed = 0;
}

interface Content {
  readonly bytes: Buffer;
  readonly digest: string;
}

const kibibyte = 1024;

export class RestlessClient {
  readonly #wire: WireClient;
  readonly #random: Random;
  readonly #promised: Promised;
  readonly #number: number;

  constructor(wire: WireClient, seed: number, number: number, promised: Promised) {
    this.#wire = wire;
    this.#random = random(seed * 1000 + number);
    this.#number = number;
    this.#promised = promised;
  }

  async work(turns: number): Promise<void> {
    const ways = [
      () => this.#session(this.#content()),
      () => this.#session(this.#content()),
      () => this.#atOnce(this.#content()),
      () => this.#abandon(this.#content()),
      () => this.#image(),
      () => this.#pull(),
      () => this.#pull(),
    ];
    for (let turn = 0; turn < turns; turn += 1) await this.#random.pick(ways)();
  }

  /** Some repositories are shared by all clients, so that they meet in documents. */
  get #repository(): string {
    return this.#random.pick(["many/shared", `many/client-${this.#number}`]);
  }

  /** A third of all is content that others push at the same time. */
  #content(): Content {
    const size = this.#random.pick([0, 1, 900, 16, 17, 200, 200, 1500, 6000]) * kibibyte;
    const seed = this.#random.integer(0, 2) ? this.#random.integer(0, 2 ** 31) : size;
    const key = createHash("sha256").update(`${seed}`).digest();
    const bytes = createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
    return { bytes, digest: digestOf(bytes) };
  }

  /** POST, then chunks, some of them cut off and taken up again, then the closing PUT. */
  async #session({ bytes, digest }: Content, repository = this.#repository): Promise<boolean> {
    const location = await this.#start(repository);
    let offset = 0;
    for (let attempts = 0; offset < bytes.byteLength; attempts += 1) {
      if (attempts === 40) return false;
      const end = this.#random.integer(Math.min(offset + 2, bytes.byteLength), bytes.byteLength);
      const cut = this.#cut(end - offset);
      const chunk = { body: bytes.subarray(offset, end), ...(cut && { cut: { sent: cut } }) };
      const ranged = { "Content-Range": `${offset}-${end - 1}` };
      const headers = this.#random.integer(0, 1) ? ranged : {};
      const answer = await this.#try({ method: "PATCH", path: location, headers, ...chunk });
      if (answer === undefined || answer.status === 416) {
        this.#promised.resumed += 1;
        offset = await this.#offset(location);
      } else {
        assert.equal(answer.status, 202, answer.text);
        offset = end;
      }
    }
    const path = `${location}?digest=${digest}`;
    const answer = await this.#try({ method: "PUT", path, body: Buffer.alloc(0) });
    return this.#noteBlob(repository, digest, bytes.byteLength, answer);
  }

  /** POST with the digest, or POST and PUT with the whole. */
  async #atOnce({ bytes, digest }: Content, repository = this.#repository): Promise<boolean> {
    const direct = this.#random.integer(0, 1) === 1;
    const start = direct ? `/v2/${repository}/blobs/uploads/` : await this.#start(repository);
    const cut = this.#cut(bytes.byteLength);
    const answer = await this.#try({
      method: direct ? "POST" : "PUT",
      path: `${start}?digest=${digest}`,
      body: bytes,
      ...(cut && { cut: { sent: cut } }),
    });
    return this.#noteBlob(repository, digest, bytes.byteLength, answer);
  }

  /** Begins an upload and never comes back. */
  async #abandon({ bytes }: Content): Promise<void> {
    const path = await this.#start(this.#repository);
    const sent = this.#random.integer(0, bytes.byteLength);
    await this.#try({ method: "PATCH", path, body: bytes, cut: { sent } });
  }

  async #image(): Promise<void> {
    const repository = this.#repository;
    const parts = [this.#content(), this.#content(), this.#content()];
    for (const part of parts) {
      const pushed = await (this.#random.integer(0, 1)
        ? this.#session(part, repository)
        : this.#atOnce(part, repository));
      if (!pushed) return;
    }
    const [config, ...layers] = parts.map(({ bytes, digest }, at) => ({
      mediaType: at === 0 ? mediaType.ociConfig : mediaType.ociLayer,
      digest,
      size: bytes.byteLength,
    }));
    const manifest = { schemaVersion: 2, mediaType: mediaType.ociManifest, config, layers };
    const body = Buffer.from(JSON.stringify(manifest));
    const digest = digestOf(body);
    const tag = `t${this.#random.integer(0, 9)}`;
    const answer = await this.#try({
      method: "PUT",
      path: `/v2/${repository}/manifests/${tag}`,
      headers: { "Content-Type": mediaType.ociManifest },
      body,
    });
    if (answer === undefined) return;
    assert.equal(answer.status, 201, answer.text);
    const path = `/v2/${repository}/manifests/${digest}`;
    this.#promised.all.push({ path, digest, size: body.byteLength });
  }

  /** Anything that anybody was promised; a download that breaks off is taken up by a range. */
  async #pull(): Promise<void> {
    if (this.#promised.all.length === 0) return;
    const { path, digest, size } = this.#random.pick(this.#promised.all);
    const cut = this.#cut(size);
    const answer = await this.#try({
      method: "GET",
      path,
      ...(cut && { cut: { received: cut } }),
    });
    if (answer === undefined && size > 1) return this.#resume(path, size);
    if (answer === undefined) return;
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.size, answer.digest], [size, digest], path);
  }

  async #resume(path: string, size: number): Promise<void> {
    const from = this.#random.integer(0, size - 1);
    const answer = await this.#try({ method: "GET", path, headers: { Range: `bytes=${from}-` } });
    assert.equal(answer?.status, 206, answer?.text);
    assert.equal(answer?.size, size - from);
  }

  async #start(repository: string): Promise<string> {
    const path = `/v2/${repository}/blobs/uploads/`;
    const answer = await this.#try({ method: "POST", path, body: Buffer.alloc(0) });
    assert.equal(answer?.status, 202, answer?.text);
    return String(answer?.headers.location);
  }

  async #offset(path: string): Promise<number> {
    const answer = await this.#try({ method: "GET", path });
    assert.equal(answer?.status, 204, answer?.text);
    // Before the first byte it is 0-0, as after one byte; chunks here have two at least.
    const last = Number(/^0-(\d+)$/.exec(String(answer?.headers.range))?.[1]);
    return last === 0 ? 0 : last + 1;
  }

  #noteBlob(repository: string, digest: string, size: number, answer: Exchanged | undefined) {
    if (answer === undefined) return false;
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers["docker-content-digest"], digest);
    this.#promised.all.push({ path: `/v2/${repository}/blobs/${digest}`, digest, size });
    return true;
  }

  /** In a quarter of all transfers, where to cut them off. */
  #cut(size: number): number | undefined {
    return size > 1 && this.#random.integer(0, 3) === 0
      ? this.#random.integer(1, size - 1)
      : undefined;
  }

  async #try(exchange: Exchange): Promise<Exchanged | undefined> {
    const answer = await this.#wire.exchange(exchange);
    if (answer === undefined) this.#promised.dropped += 1;
    else assert.ok(answer.status < 500, `${exchange.method} ${exchange.path}: ${answer.status}`);
    return answer;
  }
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
