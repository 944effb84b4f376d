/**
 * Stand-ins of the four APIs that `activate` talks to, behind one address as Admin Router offers them: IAM,
 * secrets, Cosmos and Marathon. Small and whole: what was created is there afterwards.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Answer = readonly [status: number, body?: unknown, type?: string];

const cosmos = (kind: string): string =>
  `application/vnd.dcos.package.${kind}+json;charset=utf-8;version=v1`;

export class DcosCluster {
  readonly users = new Map<string, { public_key: string }>();
  readonly secrets = new Map<string, string>();
  readonly acls = new Set<string>();
  readonly grants = new Set<string>();
  readonly apps = new Map<string, { options: unknown; polls: number }>();
  /** Agents that run the tasks of the apps. */
  readonly hosts: string[] = [];
  /** Further apps of Marathon, word for word. */
  otherApps: unknown[] = [];
  repositories = [{ name: "Universe", uri: "https://universe.example/repo" }];
  /** Requests that changed something, `METHOD route`. */
  readonly changes: string[] = [];
  /** Answers in place of the stand-in where it gives one. */
  instead: (route: string, method: string) => Answer | undefined = () => undefined;
  /** After so many looks at an installed app it is healthy. */
  slowness = 1;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<DcosCluster> {
    const cluster = new DcosCluster();
    await once(cluster.#server.listen(0, "127.0.0.1"), "listening");
    return cluster;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: route = "" } = request;
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const body = text === "" ? undefined : JSON.parse(text);
    const [status, document, type = "application/json"] =
      request.headers.authorization === "token=t"
        ? (this.instead(route, method) ?? this.#answer(request, method, route, body))
        : ([401, "<html>401</html>", "text/html"] as const);
    if (method !== "GET" && status < 300 && !route.endsWith("/list")) {
      this.changes.push(`${method} ${route}`);
    }
    response.writeHead(status, { "content-type": type });
    response.end(typeof document === "string" ? document : JSON.stringify(document ?? {}));
  }

  #answer(request: IncomingMessage, method: string, route: string, body: unknown): Answer {
    const fields = (body ?? {}) as Record<string, string> & { public_key: string };
    const user = /^\/acs\/api\/v1\/users\/([\w-]+)$/.exec(route)?.[1];
    if (user) return this.#stored(method, this.users, user, fields);
    const secret = /^\/secrets\/v1\/secret\/default\/([\w/-]+)$/.exec(route)?.[1];
    if (secret && method === "PUT")
      return this.#stored(method, this.secrets, secret, fields["value"] ?? "");
    if (secret) {
      const value = this.secrets.get(secret);
      return value === undefined ? [404] : [200, { value }];
    }
    const acl = /^\/acs\/api\/v1\/acls\/([^/]+)(?:\/users\/([\w-]+)\/(\w+))?$/.exec(route);
    if (acl) return this.#acl(acl);
    if (route === "/service/marathon/v2/apps?embed=apps.tasks") return [200, this.#apps()];
    const app = /^\/service\/marathon\/v2\/apps\/\/([\w/-]+)$/.exec(route)?.[1];
    if (app) return this.#app(app);
    const call = /^\/package\/([\w/]+)$/.exec(route)?.[1];
    return call ? this.#cosmos(request, call, fields) : [404, "no such route"];
  }

  #stored<T>(method: string, all: Map<string, T>, key: string, value: T): Answer {
    if (method === "GET") return all.has(key) ? [200, all.get(key)] : [404];
    if (all.has(key)) return [409];
    all.set(key, value);
    return [201];
  }

  /** The resource has to be there, and arrives encoded twice. */
  #acl([, encoded = "", user, action]: RegExpExecArray): Answer {
    const resource = decodeURIComponent(decodeURIComponent(encoded));
    if (user === undefined) {
      if (this.acls.has(resource)) return [409];
      this.acls.add(resource);
      return [201];
    }
    if (!this.acls.has(resource) || !this.users.has(user)) return [400, { code: "ERR_UNKNOWN" }];
    const grant = `${resource} ${user} ${action}`;
    if (this.grants.has(grant)) return [409];
    this.grants.add(grant);
    return [204];
  }

  #apps(): object {
    const own = [...this.apps.keys()].map((id) => ({
      id: `/${id}`,
      labels: { DCOS_PACKAGE_NAME: "package-registry" },
      container: { portMappings: [{ labels: { VIP_0: `/${id}:443` } }] },
      tasks: this.hosts.map((host) => ({ host })),
    }));
    return { apps: [...own, ...this.otherApps] };
  }

  #app(id: string): Answer {
    const app = this.apps.get(id);
    if (app === undefined) return [404, { message: `App '/${id}' does not exist` }];
    app.polls += 1;
    const tasksHealthy = app.polls > this.slowness ? 1 : 0;
    return [200, { app: { id: `/${id}`, instances: 1, tasksHealthy } }];
  }

  /** As strict about types as the real one. */
  #cosmos(request: IncomingMessage, call: string, fields: Record<string, unknown>): Answer {
    const kind = call.replace("/", ".");
    const { accept = "", "content-type": type } = request.headers;
    if (type !== cosmos(`${kind}-request`) || !accept.includes(cosmos(`${kind}-response`))) {
      return [400, { type: "not_valid", message: "media types", data: null }];
    }
    const repository = { name: String(fields["name"]), uri: String(fields["uri"]) };
    switch (call) {
      case "install": {
        const options = fields["options"] as { service?: { name?: string } };
        this.apps.set(options.service?.name ?? "dcos-registry", { options, polls: 0 });
        return [200, { packageName: fields["packageName"] }];
      }
      case "repository/add":
        this.repositories.splice(Number(fields["index"]), 0, repository);
        return [200, { repositories: this.repositories }];
      case "repository/delete":
        this.repositories = this.repositories.filter(({ uri }) => uri !== repository.uri);
        return [200, { repositories: this.repositories }];
      default:
        return [200, { repositories: this.repositories }];
    }
  }
}
