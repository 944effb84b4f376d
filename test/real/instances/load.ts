/** Writers who move tags and add packages at random through a front, and note what they were told. */
import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import { mediaType } from "../../../src/oci/media-type.ts";
import { History, type Value } from "../../consistency/history.ts";
import { fixedBody } from "../../fixtures/body.ts";
import { makeBundle } from "../../fixtures/bundle.ts";
import type { Random } from "../../random.ts";
import { collect } from "../../storage/bytes.ts";
import type { Answer, FickleClient } from "./client.ts";

export const repository = "load/app";
export const config = Buffer.from("{}");
const here = "here";

export interface LoadCounts {
  done: number;
  unanswered: number;
  refused: number;
}

export class Load {
  readonly tags = new Map<string, History>();
  /** By `<name> <version>`: published or not. */
  readonly packages = new Map<string, History>();
  readonly counts: LoadCounts = { done: 0, unanswered: 0, refused: 0 };
  readonly #client: FickleClient;
  readonly #url: string;
  readonly #random: Random;
  #serial = 0;

  constructor(client: FickleClient, url: string, random: Random, tags: number) {
    this.#client = client;
    this.#url = url;
    this.#random = random;
    for (let tag = 0; tag < tags; tag += 1) this.tags.set(`t${tag}`, new History());
  }

  /** One thing at random. @throws when an answer is none that a registry gives */
  async step(): Promise<void> {
    const dice = this.#random.integer(1, 100);
    const tag = this.#random.pick([...this.tags.keys()]);
    if (dice <= 40) await this.#move(tag);
    else if (dice <= 50) await this.#replace(tag);
    else if (dice <= 80) await this.#read(tag);
    else if (dice <= 90) await this.#untag(tag);
    else if (dice <= 94) await this.#add();
    else if (dice <= 96) await this.#remove();
    else await this.#list();
  }

  async #move(tag: string): Promise<void> {
    const manifest = this.#manifest();
    const headers = { "content-type": mediaType.ociManifest };
    await this.#write(this.#tag(tag), digestOf(manifest), () =>
      this.#ask("PUT", `/v2/${repository}/manifests/${tag}`, { headers, body: manifest }),
    );
  }

  /** Only where the tag still is what it was. */
  async #replace(tag: string): Promise<void> {
    const current = await this.#read(tag);
    if (current === undefined) return;
    const manifest = this.#manifest();
    const headers = { "content-type": mediaType.ociManifest, "if-match": `"${current}"` };
    const ask = () =>
      this.#ask("PUT", `/v2/${repository}/manifests/${tag}`, { headers, body: manifest });
    await this.#write(this.#tag(tag), digestOf(manifest), ask, current);
  }

  async #untag(tag: string): Promise<void> {
    await this.#write(this.#tag(tag), undefined, () =>
      this.#ask("DELETE", `/v2/${repository}/manifests/${tag}`),
    );
  }

  /** @returns what it names, undefined when that is nothing or not known */
  async #read(tag: string): Promise<Value> {
    const startMs = performance.now();
    const answer = await this.#ask("HEAD", `/v2/${repository}/manifests/${tag}`);
    if (answer === undefined) return undefined;
    if (answer.status !== 200 && answer.status !== 404) throw unexpected(answer);
    const digest = answer.headers["docker-content-digest"];
    const value = answer.status === 200 ? String(digest) : undefined;
    this.#tag(tag).read({ value, startMs, endMs: performance.now() });
    return value;
  }

  async #add(): Promise<void> {
    this.#serial += 1;
    const [name, version] = [`load${this.#serial % 5}`, `${this.#serial}`];
    const assets = { "file.txt": fixedBody(`${name} ${version}`) };
    const body = await collect((await makeBundle({ name, version, assets, images: {} })).stream());
    const headers = { "content-type": "application/x-tar" };
    const history = new History();
    this.packages.set(`${name} ${version}`, history);
    await this.#write(history, here, () => this.#ask("POST", "/package/add", { headers, body }));
  }

  async #remove(): Promise<void> {
    const [key, history] = this.#random.pick([...this.packages, ["", undefined]] as const);
    if (history === undefined) return;
    const [packageName = "", packageVersion = ""] = key.split(" ");
    const body = JSON.stringify({ packageName, packageVersion });
    const headers = { "content-type": "application/json" };
    await this.#write(history, undefined, () =>
      this.#ask("POST", "/package/remove", { headers, body }),
    );
  }

  async #list(): Promise<void> {
    const known = [...this.packages];
    const startMs = performance.now();
    const answer = await this.#ask("GET", "/repo");
    if (answer === undefined) return;
    if (answer.status !== 200) throw unexpected(answer);
    const shown = packagesIn(answer.body);
    const endMs = performance.now();
    for (const [key, history] of known) {
      // The index as a whole may be late: so may be what it does not show.
      if (shown.has(key)) history.read({ value: here, startMs, endMs });
    }
  }

  async #write(
    history: History,
    value: Value,
    ask: () => Promise<Answer | undefined>,
    expected?: Digest | string,
  ): Promise<void> {
    const startMs = performance.now();
    const answer = await ask();
    const endMs = performance.now();
    const write = { value, startMs, ...(expected !== undefined && { expected }) };
    if (answer === undefined) {
      this.counts.unanswered += 1;
      history.write(write);
    } else if (answer.status < 300) {
      this.counts.done += 1;
      history.write({ ...write, endMs });
    } else if ([400, 404, 409, 412].includes(answer.status)) {
      this.counts.refused += 1;
    } else throw unexpected(answer);
  }

  /** @returns undefined when there was no answer, or none that says what happened */
  async #ask(...[method, path, asked]: AskParameters): Promise<Answer | undefined> {
    try {
      const answer = await this.#client.ask(method, `${this.#url}${path}`, asked);
      return answer.status === 503 ? undefined : answer;
    } catch {
      return undefined; // it was killed
    }
  }

  #tag(tag: string): History {
    const history = this.tags.get(tag);
    if (!history) throw new Error(`no tag ${tag}`);
    return history;
  }

  /** Each one is another. */
  #manifest(): string {
    this.#serial += 1;
    return JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.ociManifest,
      artifactType: "application/vnd.test",
      config: { mediaType: "application/json", size: config.length, digest: digestOf(config) },
      layers: [],
      annotations: { serial: `${this.#serial}` },
    });
  }
}

type AskParameters = [
  method: string,
  path: string,
  asked?: { headers?: Readonly<Record<string, string>>; body?: Buffer | string },
];

/** `<name> <version>` of every package in an index. */
export function packagesIn(body: Buffer): Set<string> {
  const { packages } = JSON.parse(body.toString()) as {
    packages: { name: string; version: string }[];
  };
  return new Set(packages.map(({ name, version }) => `${name} ${version}`));
}

function unexpected({ status, body }: Answer): Error {
  return new Error(`${status}: ${body.toString()}`);
}
