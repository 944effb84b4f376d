/**
 * A small Cosmos: reads our repository over the network and answers what a cluster's users ask.
 *
 * Faithful where the registry can go wrong: which answers it refuses, how repositories merge, what
 * its resource proxy demands. It installs nothing. The first bad repository fails every call, as in
 * the real one.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { type ClientProfile, profiles, resourceHeaders } from "../../src/cosmos/client-profile.ts";
import { isObject, isText, type Json } from "../../src/cosmos/decoding-rules.ts";
import { parseMediaType } from "../../src/cosmos/media-type.ts";
import { CosmosFailure, failure } from "./cosmos-failure.ts";
import {
  type JavaAnswer,
  javaFetch,
  type Network,
  readAll,
  UnsupportedRedirect,
} from "./java-fetch.ts";
import { PackageCollection } from "./package-collection.ts";
import { RepositoryList } from "./repository-list.ts";
import { proxied } from "./resource-proxy.ts";
import { readRepository, type UniverseClientOptions } from "./universe-client.ts";

export interface MiniCosmosOptions extends Network {
  readonly profile?: ClientProfile;
  readonly retries?: number;
  readonly retryDelayMs?: number;
}

type Action = (fields: Json, base: string) => Promise<object>;

const [newestProfile] = profiles;

export class MiniCosmos {
  readonly #client: UniverseClientOptions;
  readonly #list = new RepositoryList();
  readonly #server: Server;
  readonly #actions: ReadonlyMap<string, [kind: string, action: Action]>;

  private constructor(options: MiniCosmosOptions) {
    const { profile = newestProfile, retries = 3, retryDelayMs = 5000, ...network } = options;
    if (profile === undefined) throw new Error("no profile");
    this.#client = { profile, network, retries, retryDelayMs };
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error) => sendFailure(response, error));
    });
    this.#actions = new Map<string, [string, Action]>([
      ["repository/list", ["repository.list-response", async () => this.#repositories()]],
      ["repository/add", ["repository.add-response", (fields) => this.#add(fields)]],
      ["repository/delete", ["repository.delete-response", async (fields) => this.#delete(fields)]],
      ["describe", ["describe-response", (fields, base) => this.#describe(fields, base)]],
      ["list-versions", ["list-versions-response", (fields) => this.#versions(fields)]],
      ["search", ["search-response", (fields) => this.#search(fields)]],
    ]);
  }

  /** Listens on a free port of the loopback. */
  static async start(options: MiniCosmosOptions = {}): Promise<MiniCosmos> {
    const cosmos = new MiniCosmos(options);
    await once(cosmos.#server.listen(0, "127.0.0.1"), "listening");
    return cosmos;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host = "" } = request.headers;
    const { pathname, search } = new URL(request.url ?? "/", "http://cosmos");
    if (pathname === "/package/resource") {
      await this.#resource(search.replace(/^\?url=/, ""), response);
      return;
    }
    const [kind, action] = this.#actions.get(pathname.replace("/package/", "")) ?? [];
    if (kind === undefined || action === undefined) {
      throw new CosmosFailure("NotFound", "nothing here", null, 404);
    }
    const body: unknown = JSON.parse((await readAll(request)).toString() || "{}");
    const result = await action(isObject(body) ? body : {}, `http://${host}`);
    send(response, 200, `application/vnd.dcos.package.${kind}`, result);
  }

  #repositories(): object {
    return { repositories: this.#list.repositories };
  }

  /** Reads the repository once before it is stored; upstream errors then are the caller's. */
  async #add(fields: Json): Promise<object> {
    const repository = { name: text(fields, "name"), uri: text(fields, "uri") };
    const index = typeof fields["index"] === "number" ? fields["index"] : undefined;
    this.#list.check(repository, index);
    try {
      await readRepository(repository, this.#client);
    } catch (error) {
      if (!(error instanceof CosmosFailure)) throw error;
      throw new CosmosFailure(error.type, error.message, error.data, 400);
    }
    this.#list.add(repository, index);
    return this.#repositories();
  }

  #delete(fields: Json): object {
    const { name, uri } = fields;
    this.#list.delete(isText(name) ? name : undefined, isText(uri) ? uri : undefined);
    return this.#repositories();
  }

  async #describe(fields: Json, base: string): Promise<object> {
    const { packageVersion } = fields;
    const packages = await this.#packages();
    const version = isText(packageVersion) ? packageVersion : undefined;
    return { package: proxied(packages.describe(text(fields, "packageName"), version), base) };
  }

  async #versions(fields: Json): Promise<object> {
    const packages = await this.#packages();
    return { results: packages.versions(text(fields, "packageName")) };
  }

  async #search({ query }: Json): Promise<object> {
    const packages = await this.#packages();
    return { packages: packages.search(isText(query) ? query : undefined) };
  }

  /** One after the other, and the first error fails the whole. */
  async #packages(): Promise<PackageCollection> {
    const read: Json[][] = [];
    for (const repository of this.#list.repositories) {
      read.push(await readRepository(repository, this.#client));
    }
    return new PackageCollection(read);
  }

  async #resource(raw: string, response: ServerResponse): Promise<void> {
    const packages = await this.#packages();
    const url = [decodeURIComponent(raw), raw].find((one) => packages.hasUrl(one));
    if (url === undefined) throw failure.forbiddenResource();
    const answer = await this.#fetchResource(url);
    const { "content-type": type, "content-length": length } = answer.headers;
    if (answer.status !== 200) throw failure.genericHttp(url, answer.status);
    if (parseMediaType(type ?? "") === undefined || !/^[1-9]\d*$/.test(length ?? "")) {
      throw failure.genericHttp(url, 502);
    }
    const name = url.slice(url.lastIndexOf("/") + 1);
    response.writeHead(200, {
      "Content-Type": type,
      "Content-Disposition": `attachment; filename="${name}"`,
    });
    await pipeline(answer.body, response);
  }

  async #fetchResource(url: string): Promise<JavaAnswer> {
    const { profile, network } = this.#client;
    try {
      const headers = (host: string) => resourceHeaders(profile.cosmosVersion, host);
      return await javaFetch(new URL(url), headers, network);
    } catch (error) {
      if (error instanceof UnsupportedRedirect) throw failure.unsupportedRedirect(error.message);
      throw failure.endpointUriConnection(url);
    }
  }
}

function text(fields: Json, name: string): string {
  const value = fields[name];
  if (isText(value)) return value;
  throw new CosmosFailure("not_present", `Item ${name} not present but required`);
}

function sendFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const known =
    error instanceof CosmosFailure
      ? error
      : new CosmosFailure("unhandled_exception", String(error), null, 500);
  const { type, message, data, status } = known;
  send(response, status, "application/vnd.dcos.package.error", { type, message, data });
}

function send(response: ServerResponse, status: number, type: string, value: object): void {
  const version = type.endsWith("describe-response") ? "v3" : "v1";
  response.writeHead(status, { "Content-Type": `${type}+json;charset=utf-8;version=${version}` });
  response.end(JSON.stringify(value));
}
