/**
 * Conversations with a registry as data: what is asked, and what has to be answered.
 *
 * A script runs against any registry: ours, through each of its entries, and others to compare with.
 * It works in repositories of its own and follows every Location as it was given.
 */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { mediaType } from "../../../src/oci/media-type.ts";

export interface Script {
  /** The behaviour that it shows, as a sentence about the registry. */
  readonly title: string;
  readonly steps: readonly Step[];
}

export interface Step {
  /**
   * Method and path, `PUT /v2/{name}/manifests/v1`. `{name}` and `{other}` are repositories of this
   * script alone, `{location}` is the Location of the last answer that had one, `{session}` that of
   * the last 202.
   */
  readonly ask: string;
  /** Added to the path, which may have a query already; a list repeats the parameter. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** The body goes out in chunks, its length unannounced. */
  readonly streamed?: true;
  readonly expect: Expectation;
}

export interface Expectation {
  /** Any of them. */
  readonly status: number | readonly number[];
  /** Lower-case names; null: the header must be absent. Placeholders are filled in as in `ask`. */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>;
  readonly body?: Buffer;
  /** The whole body, parsed. */
  readonly json?: unknown;
  /** Code of the first error in the envelope. */
  readonly error?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** As far as it came. */
  readonly body: Buffer;
}

/** What clients of today accept; a script that is about `Accept` says its own. */
const usualAccept = [
  mediaType.ociManifest,
  mediaType.ociIndex,
  mediaType.dockerManifest,
  mediaType.dockerList,
].join(", ");

/** What one run of a script has learnt so far. */
export class Conversation {
  readonly #port: number;
  readonly #known: Map<string, string>;

  /** @param name repository of this run; `<name>/other` is the second one */
  constructor(port: number, name: string) {
    this.#port = port;
    this.#known = new Map([
      ["name", name],
      ["other", `${name}/other`],
      ["location", "/v2/no-location-yet"],
    ]);
  }

  async ask(step: Step, method?: string): Promise<Answer> {
    const [written = "", template = ""] = step.ask.split(" ");
    const path = withQuery(this.fill(template), this.#filled(step.query));
    const headers = path.includes("/manifests/")
      ? { Accept: usualAccept, ...step.headers }
      : step.headers;
    const asked = { ...step, ...(headers && { headers }), method: method ?? written, path };
    const answer = await send(this.#port, asked);
    const { location } = answer.headers;
    if (location !== undefined) {
      this.#known.set("location", pathOf(location));
      if (answer.status === 202) this.#known.set("session", pathOf(location));
    }
    return answer;
  }

  fill(template: string): string {
    return template.replace(/\{(\w+)\}/g, (whole, key: string) => this.#known.get(key) ?? whole);
  }

  #filled(query: Step["query"] = {}): [name: string, value: string][] {
    return Object.entries(query).flatMap(([name, value]) =>
      [value].flat().map((one): [string, string] => [name, this.fill(one)]),
    );
  }
}

interface Sending extends Pick<Step, "headers" | "body" | "streamed"> {
  readonly method: string;
  readonly path: string;
}

export async function send(port: number, sending: Sending): Promise<Answer> {
  const { method, path, headers, body, streamed } = sending;
  const length = streamed || body === undefined ? {} : { "Content-Length": body.byteLength };
  const asking = request({
    host: "127.0.0.1",
    port,
    method,
    path,
    headers: { ...length, ...headers },
    agent: false,
  });
  const responded = once(asking, "response") as Promise<[IncomingMessage]>;
  // A server that refuses may close while we still send; what counts is its answer.
  asking.on("error", () => {});
  if (streamed && body) pipeline(Readable.from([body]), asking).catch(() => {});
  else asking.end(body);
  const [answer] = await responded;
  const { statusCode: status = 0, headers: answered } = answer;
  return { status, headers: answered, body: await bytesOf(answer) };
}

async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch {
    // Cut off: what came differs from the announced length then.
  }
  return Buffer.concat(chunks);
}

/** Registries may answer with a whole URL. */
function pathOf(location: string): string {
  const { pathname, search } = new URL(location, "http://registry.test");
  return pathname + search;
}

function withQuery(path: string, query: readonly [name: string, value: string][]): string {
  if (query.length === 0) return path;
  const pairs = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${path}${path.includes("?") ? "&" : "?"}${pairs.join("&")}`;
}
