/**
 * Writers who move tags and add packages at random, and note what they were told. Every other time they
 * go through the front, else they ask one instance, which must know then what it was told itself.
 */
import { digestOf } from "../../../src/oci/digest.ts";
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
/** So many there are in a large registry; those that were removed are added again. */
const mostPackages = 300;
/** Who asks the front meets whichever instance is next. */
const anyInstance = undefined;

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
  readonly #urls: Urls;
  readonly #random: Random;
  #serial = 0;

  constructor(client: FickleClient, urls: Urls, random: Random, tags: number) {
    this.#client = client;
    this.#urls = urls;
    this.#random = random;
    for (let tag = 0; tag < tags; tag += 1) this.tags.set(`t${tag}`, new History());
  }

  /** One thing at random. @throws when an answer is none that a registry gives */
  async step(): Promise<void> {
    const dice = this.#random.integer(1, 100);
    const tag = this.#random.pick([...this.tags.keys()]);
    const at = this.#instance();
    if (dice <= 30) await this.#move(tag, at);
    else if (dice <= 40) await this.#moveAndRead(tag, at);
    else if (dice <= 50) await this.#replace(tag, at);
    else if (dice <= 80) await this.#read(tag, at);
    else if (dice <= 90) await this.#untag(tag, at);
    else if (dice <= 94) await this.#add(at);
    else if (dice <= 96) await this.#remove(at);
    else await this.#list(at);
  }

  #instance(): Instance {
    const { instances } = this.#urls;
    return this.#random.integer(0, 1) === 0
      ? anyInstance
      : this.#random.integer(0, instances.length - 1);
  }

  async #move(tag: string, at: Instance): Promise<void> {
    const manifest = this.#manifest();
    const headers = { "content-type": mediaType.ociManifest };
    await this.#write(this.#tag(tag), { value: digestOf(manifest), at }, () =>
      this.#ask(at, "PUT", manifestPath(tag), { headers, body: manifest }),
    );
  }

  async #moveAndRead(tag: string, at: Instance): Promise<void> {
    await this.#move(tag, at);
    await this.#read(tag, at);
  }

  /** Only where the tag still is what it was. */
  async #replace(tag: string, at: Instance): Promise<void> {
    const expected = await this.#read(tag, at);
    if (expected === undefined) return;
    const manifest = this.#manifest();
    const headers = { "content-type": mediaType.ociManifest, "if-match": `"${expected}"` };
    await this.#write(this.#tag(tag), { value: digestOf(manifest), at, expected }, () =>
      this.#ask(at, "PUT", manifestPath(tag), { headers, body: manifest }),
    );
  }

  async #untag(tag: string, at: Instance): Promise<void> {
    await this.#write(this.#tag(tag), { value: undefined, at }, () =>
      this.#ask(at, "DELETE", manifestPath(tag)),
    );
  }

  /** @returns what it names, undefined when that is nothing or not known */
  async #read(tag: string, at: Instance): Promise<Value> {
    const startMs = performance.now();
    const answer = await this.#ask(at, "HEAD", manifestPath(tag));
    if (answer === undefined) return undefined;
    if (answer.status !== 200 && answer.status !== 404) throw unexpected(answer);
    const digest = answer.headers["docker-content-digest"];
    const value = answer.status === 200 ? String(digest) : undefined;
    this.#tag(tag).read({ value, startMs, endMs: performance.now(), ...placed(at) });
    return value;
  }

  async #add(at: Instance): Promise<void> {
    const key = this.#packageKey();
    const [name = "", version = ""] = key.split(" ");
    const assets = { "file.txt": fixedBody(key) };
    const body = await collect((await makeBundle({ name, version, assets, images: {} })).stream());
    const headers = { "content-type": "application/x-tar" };
    await this.#write(this.#package(key), { value: here, at }, () =>
      this.#ask(at, "POST", "/package/add", { headers, body }),
    );
  }

  #packageKey(): string {
    if (this.packages.size >= mostPackages) return this.#random.pick([...this.packages.keys()]);
    this.#serial += 1;
    return `load${this.#serial % 5} ${this.#serial}`;
  }

  async #remove(at: Instance): Promise<void> {
    const [key, history] = this.#random.pick([...this.packages, ["", undefined]] as const);
    if (history === undefined) return;
    const [packageName = "", packageVersion = ""] = key.split(" ");
    const body = JSON.stringify({ packageName, packageVersion });
    const headers = { "content-type": "application/json" };
    await this.#write(history, { value: undefined, at }, () =>
      this.#ask(at, "POST", "/package/remove", { headers, body }),
    );
  }

  async #list(at: Instance): Promise<void> {
    const known = [...this.packages];
    const startMs = performance.now();
    const answer = await this.#ask(at, "GET", "/repo");
    if (answer === undefined) return;
    if (answer.status !== 200) throw unexpected(answer);
    const shown = packagesIn(answer.body);
    const endMs = performance.now();
    for (const [key, history] of known) {
      const value = shown.has(key) ? here : undefined;
      // The index as a whole may be late: so may be what it does not show.
      history.read({ value, startMs, endMs, mayBeLate: true, ...placed(at) });
    }
  }

  async #write(
    history: History,
    { at, ...what }: { value: Value; at: Instance; expected?: string },
    ask: () => Promise<Answer | undefined>,
  ): Promise<void> {
    const startMs = performance.now();
    const answer = await ask();
    const endMs = performance.now();
    const write = { ...what, startMs, ...placed(at) };
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
  async #ask(at: Instance, ...[method, path, asked]: AskParameters): Promise<Answer | undefined> {
    const { front, instances } = this.#urls;
    const url = at === anyInstance ? front : (instances[at] ?? front);
    try {
      const answer = await this.#client.ask(method, `${url}${path}`, asked);
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

  #package(key: string): History {
    const history = this.packages.get(key) ?? new History();
    this.packages.set(key, history);
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

/** Where the registry answers: through the front, and each instance by itself. */
export interface Urls {
  readonly front: string;
  readonly instances: readonly string[];
}

type Instance = number | typeof anyInstance;

function placed(at: Instance): { at?: number } {
  return at === anyInstance ? {} : { at };
}

function manifestPath(tag: string): string {
  return `/v2/${repository}/manifests/${tag}`;
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
