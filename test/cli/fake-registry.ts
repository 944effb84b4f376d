/**
 * A small whole registry for the CLI's tests: packages in memory, real sockets, the real contract.
 *
 * Bundles are the tars of `small-bundle.ts`, which say in their first bytes which package they are.
 * Tests that need a misbehaving registry put a handler in front with `instead`.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { KeyAndCertificate } from "../fixtures/certificate-authority.ts";

export interface FakeRegistryOptions {
  /** HTTPS when given. */
  readonly tls?: KeyAndCertificate;
  /** Path before the routes, such as `/service/dcos-registry`. */
  readonly prefix?: string;
  /** The `Authorization` value that `add` and `remove` ask for. */
  readonly authorization?: string;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface StoredPackage {
  readonly name: string;
  readonly version: string;
  readonly releaseVersion: number;
  readonly root: string;
}

class Refusal extends Error {
  readonly status: number;
  readonly type: string;
  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

export class FakeRegistry {
  /** What was asked, as `METHOD path`. */
  readonly asked: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  /** Bytes of the bodies that `add` has taken whole. */
  readonly received: number[] = [];
  /** Answers in place of the registry while it is set. */
  instead: Handler | undefined;
  /** Further checks of `/health`. */
  readonly checks: Record<string, unknown> = {};
  /** What `/health` says of itself; undefined for one that does not say it. */
  version: string | undefined;
  /** The packages of `/repo`, whoever asks. */
  index: readonly unknown[] = [];
  /** The `Date` of all answers, in place of now. */
  date: Date | undefined;
  /** What `/scrub` tells of. */
  damages: readonly object[] = [];
  #scrub: "waiting" | "requested" | "running" = "waiting";
  #scrubs = 0;
  readonly #packages: StoredPackage[] = [];
  readonly #options: FakeRegistryOptions;
  readonly #server;

  private constructor(options: FakeRegistryOptions) {
    this.#options = options;
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      this.#handle(request, response).catch((error) => response.destroy(error));
    };
    this.#server = options.tls
      ? createHttpsServer({ key: options.tls.key, cert: options.tls.certificate }, listener)
      : createHttpServer(listener);
  }

  static async start(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
    const registry = new FakeRegistry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    const { tls, prefix = "" } = this.#options;
    return `${tls ? "https" : "http"}://127.0.0.1:${this.port}${prefix}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(`${request.method} ${request.url}`);
    this.authorizations.push(request.headers.authorization);
    if (this.date) response.setHeader("Date", this.date.toUTCString());
    if (this.instead) return this.instead(request, response);
    if (request.url === `${this.#options.prefix ?? ""}/repo`) {
      return sendJson(response, 200, { packages: this.index }, firstOf(request.headers.accept));
    }
    try {
      sendJson(response, 200, await this.#route(request));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      sendJson(response, error.status, { type: error.type, message: error.message, data: {} });
    }
  }

  async #route(request: IncomingMessage): Promise<unknown> {
    const route = (request.url ?? "").slice((this.#options.prefix ?? "").length);
    if (`${request.method} ${route}` === "GET /health") return this.#health();
    if (`${request.method} ${route}` === "GET /scrub") return this.#nextScrub();
    if (request.method !== "POST") throw new Refusal(405, "not_valid", "only POST");
    if (route === "/package/add") return this.#add(request);
    const question = JSON.parse(await textOf(request)) as Record<string, string>;
    if (route === "/scrub") return this.#requestScrub(request);
    if (route === "/gc") return this.#collect(request, question);
    if (route === "/package/list") return { packages: this.#packages.map(asListed).reverse() };
    if (route === "/package/describe") return this.#describe(question);
    if (route === "/package/remove") return this.#remove(request, question);
    throw new Refusal(404, "not_found", "no such route");
  }

  async #add(request: IncomingMessage): Promise<unknown> {
    this.#authorize(request);
    if (request.headers["content-type"] !== "application/x-tar") {
      throw new Refusal(415, "not_valid", "not a tar");
    }
    let size = 0;
    let start = "";
    for await (const chunk of request) {
      if (start.length < 8192) start += chunk.toString("latin1");
      size += chunk.length;
    }
    this.received.push(size);
    if (size !== Number(request.headers["content-length"])) throw new Error("lying length");
    const [, name, version] = /package=(\S+) version=(\S+)/.exec(start) ?? [];
    if (!name || !version)
      throw new Refusal(400, "BUNDLE_INVALID", "no package root in the bundle");
    const releaseVersion = this.#packages.length + 1;
    const root = `sha256:${String(releaseVersion).padStart(64, "0")}`;
    const stored = { name, version, releaseVersion, root };
    this.#packages.push(stored);
    return { packages: [asListed(stored)] };
  }

  #describe({ packageName = "", packageVersion }: Record<string, string>): unknown {
    const found = this.#find(packageName, packageVersion);
    const image = `registry.test:443/${found.name}/library/redis:7-0123456789ab`;
    return {
      ...asListed(found),
      package: { name: found.name, version: found.version },
      images: [{ reference: "docker.io/library/redis:7", image, digest: found.root }],
      assets: [
        { url: "https://registry.test/resources/aa/a.zip", digest: found.root, size: 1234567 },
      ],
    };
  }

  #remove(request: IncomingMessage, question: Record<string, unknown>): unknown {
    this.#authorize(request);
    const [name, version] = [question["packageName"], question["packageVersion"]].map(String);
    const found = this.#find(name ?? "", version);
    this.#packages.splice(this.#packages.indexOf(found), 1);
    const reclaim = { collected: true, freedBy: "2026-01-02T00:00:00.000Z" };
    const packages = [{ name: found.name, version: found.version }];
    return { packages, ...(question["now"] === true && { reclaim }) };
  }

  #find(name: string, version: string | undefined): StoredPackage {
    const named = this.#packages.filter((stored) => stored.name === name);
    const found = version ? named.find((stored) => stored.version === version) : named.at(-1);
    if (found) return found;
    if (!version) throw new Refusal(400, "PackageNotFound", `Package [${name}] not found`);
    const message = `Version [${version}] of package [${name}] not found`;
    throw new Refusal(400, "VersionNotFound", message);
  }

  #authorize(request: IncomingMessage): void {
    const { authorization } = this.#options;
    if (authorization === undefined || request.headers.authorization === authorization) return;
    throw new Refusal(401, "UNAUTHORIZED", "authentication required");
  }

  #collect(request: IncomingMessage, { dryRun }: Record<string, unknown>): unknown {
    this.#authorize(request);
    const found = { unreferenced: 3, unreferencedBytes: 3_000_000 };
    const done = dryRun ? [0, 0] : [1, 1_000_000];
    return { dryRun, report: { ...found, collected: done[0], collectedBytes: done[1] } };
  }

  /** Asked for, it goes on for one more question, and is over with the next. */
  #requestScrub(request: IncomingMessage): unknown {
    this.#authorize(request);
    this.#scrub = "requested";
    return this.#scrubDocument();
  }

  #nextScrub(): unknown {
    const document = this.#scrubDocument();
    if (this.#scrub === "running") this.#scrubs += 1;
    this.#scrub = this.#scrub === "requested" ? "running" : "waiting";
    return document;
  }

  #scrubDocument(): object {
    const counts = { blobs: 3, bytes: 3_000_000 };
    const finishedAt = `2026-01-0${this.#scrubs}T00:00:00.000Z`;
    return {
      state: this.#scrub,
      ...(this.#scrub === "running" && { position: { counts: { bytes: 1_000_000 } } }),
      ...(this.#scrubs > 0 && { last: { finishedAt, counts } }),
      damages: this.damages,
    };
  }

  #health(): unknown {
    const message = `Able to find ${this.#packages.length} package(s).`;
    const checks = { "/repo": { Healthy: { message } }, ...this.checks };
    return { checks, version: this.version };
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  document: unknown,
  type = "application/json",
): void {
  const body = JSON.stringify(document);
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": String(Buffer.byteLength(body)),
  });
  response.end(body);
}

/** Of several media types the best, as Cosmos writes them. */
function firstOf(accept = ""): string {
  return accept.split(",")[0] ?? "";
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

function asListed(stored: StoredPackage): object {
  return { ...stored, status: "Added" };
}
