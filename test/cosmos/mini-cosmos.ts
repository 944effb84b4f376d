/**
 * A small Cosmos: reads our repository over the network and answers what a cluster's users ask.
 *
 * Faithful where the registry can go wrong: which answers it refuses, how repositories merge, how long
 * it keeps them, what its resource proxy demands, what it makes of a package at install. The first bad
 * repository fails every call, as in the real one.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { type ClientProfile, profiles, resourceHeaders } from "../../src/cosmos/client-profile.ts";
import { isObject, isText, type Json } from "../../src/cosmos/decoding-rules.ts";
import { parseMediaType } from "../../src/cosmos/media-type.ts";
import { CosmosFailure, failure } from "./cosmos-failure.ts";
import { renderApp } from "./install.ts";
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
  /** In place of the pause between two tries. */
  readonly pause?: () => Promise<void>;
  /** Of the time for which repositories are kept, in ms. */
  readonly clock?: () => number;
}

interface Kept {
  readonly packages: PackageCollection;
  /** Package → URI of its repository. */
  readonly sources: ReadonlyMap<Json, string>;
  readonly until: number;
}

/** Of Cosmos 0.6 for each of its sessions; here is one. */
const keptMs = 60_000;

type Action = (fields: Json, base: string) => Promise<object>;

const [newestProfile] = profiles;

export class MiniCosmos {
  readonly #client: UniverseClientOptions;
  readonly #list = new RepositoryList();
  readonly #server: Server;
  readonly #actions: ReadonlyMap<string, [kind: string, action: Action]>;
  readonly #clock: () => number;
  readonly #installed = new Map<string, Json>();
  #kept: Kept | undefined;

  private constructor(options: MiniCosmosOptions) {
    const {
      profile = newestProfile,
      retries = 3,
      retryDelayMs = 5000,
      pause,
      clock,
      ...network
    } = options;
    if (profile === undefined) throw new Error("no profile");
    this.#clock = clock ?? Date.now;
    this.#client = { profile, network, retries, retryDelayMs, pause };
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
      ["render", ["render-response", (fields) => this.#render(fields)]],
      ["install", ["install-response", (fields) => this.#install(fields)]],
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

  /** What Marathon was given, by its id. */
  get apps(): ReadonlyMap<string, Json> {
    return this.#installed;
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
    this.#kept = undefined;
    return this.#repositories();
  }

  #delete(fields: Json): object {
    const { name, uri } = fields;
    this.#list.delete(isText(name) ? name : undefined, isText(uri) ? uri : undefined);
    this.#kept = undefined;
    return this.#repositories();
  }

  async #describe(fields: Json, base: string): Promise<object> {
    const { one } = await this.#chosen(fields);
    return { package: proxied(one, base) };
  }

  async #render(fields: Json): Promise<object> {
    const { app } = await this.#rendered(fields);
    if (app !== undefined) return { marathonJson: app };
    throw new CosmosFailure("ServiceMarathonTemplateNotFound", "the package has no app");
  }

  async #install(fields: Json): Promise<object> {
    const { one, app } = await this.#rendered(fields);
    const { name, version, postInstallNotes, resource } = one;
    const cli = isObject(resource) ? resource["cli"] : undefined;
    const appId = app && String(app["id"]);
    if (app !== undefined && appId !== undefined) {
      if (this.#installed.has(appId)) {
        throw new CosmosFailure(
          "PackageAlreadyInstalled",
          "Package is already installed",
          null,
          409,
        );
      }
      this.#installed.set(appId, app);
    }
    return { packageName: name, packageVersion: version, appId, postInstallNotes, cli };
  }

  async #rendered(fields: Json): Promise<{ one: Json; app: Json | undefined }> {
    const { options, appId } = fields;
    const { one, source } = await this.#chosen(fields);
    const asked = {
      options: isObject(options) ? options : {},
      appId: isText(appId) ? appId : undefined,
      source,
    };
    return { one, app: renderApp(one, asked) };
  }

  async #chosen(fields: Json): Promise<{ one: Json; source: string }> {
    const { packageVersion } = fields;
    const { packages, sources } = await this.#read();
    const version = isText(packageVersion) ? packageVersion : undefined;
    const one = packages.describe(text(fields, "packageName"), version);
    return { one, source: sources.get(one) ?? "" };
  }

  async #versions(fields: Json): Promise<object> {
    const { packages } = await this.#read();
    return { results: packages.versions(text(fields, "packageName")) };
  }

  async #search({ query }: Json): Promise<object> {
    const { packages } = await this.#read();
    return { packages: packages.search(isText(query) ? query : undefined) };
  }

  /** One after the other, and the first error fails the whole; failures are not kept. */
  async #read(): Promise<Kept> {
    if (this.#kept && this.#clock() < this.#kept.until) return this.#kept;
    const read: Json[][] = [];
    const sources = new Map<Json, string>();
    for (const repository of this.#list.repositories) {
      const packages = await readRepository(repository, this.#client);
      for (const one of packages) sources.set(one, repository.uri);
      read.push(packages);
    }
    const packages = new PackageCollection(read);
    this.#kept = { packages, sources, until: this.#clock() + keptMs };
    return this.#kept;
  }

  async #resource(raw: string, response: ServerResponse): Promise<void> {
    const { packages } = await this.#read();
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
