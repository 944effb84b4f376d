/**
 * The four APIs of a DC/OS cluster that installing the registry needs: IAM, secrets, Cosmos and Marathon.
 *
 * One method a call; each asks before it changes, so that a second run changes nothing. All go through Admin
 * Router with the user's token.
 */

import { CliError } from "../cli-error.ts";
import { arrayOf, type Fields, fieldsOf, numberOf, parseFields, textOf } from "../json-fields.ts";
import { ConnectionBroken } from "../network-error.ts";
import type { Answer } from "../registry-refusal.ts";
import type { RegistryTransport } from "../registry-transport.ts";
import { type ClusterApp, clusterAppOf } from "./cluster-app.ts";

/** One of the four said no; `code` tells whether a login would help. */
export class ClusterRefusal extends CliError {
  readonly code: string;

  constructor({ status, body, url }: Answer) {
    // IAM, Cosmos and Marathon each have their own words; Admin Router answers with a page.
    const fields = parseFields(body) ?? {};
    const said = textOf(fields["message"]) ?? textOf(fields["description"]);
    const login = status === 401 ? "dcos auth login, then run the same command again" : undefined;
    super(said ?? `HTTP ${status}`, { where: url, hint: login });
    this.code = codes.get(status) ?? "CLUSTER_REFUSED";
  }
}

const codes = new Map([
  [401, "UNAUTHORIZED"],
  [403, "DENIED"],
  [502, "UNAVAILABLE"],
  [503, "UNAVAILABLE"],
]);

function refuse(answer: Answer): never {
  throw new ClusterRefusal(answer);
}

export interface Repository {
  readonly name: string;
  readonly uri: string;
}

const answerTimeoutMs = 60_000;
const cosmosType = (kind: string, version = 1): string =>
  `application/vnd.dcos.package.${kind}+json;charset=utf-8;version=v${version}`;

export class DcosApi {
  readonly #transport: RegistryTransport;
  readonly #signal: AbortSignal;

  /** @param transport to the cluster's own address */
  constructor(transport: RegistryTransport, signal: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  /** @returns undefined when there is no such secret */
  async readSecret(path: string): Promise<string | undefined> {
    const answer = await this.#ask("GET", `secrets/v1/secret/default/${path}`);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) refuse(answer);
    return textOf(parseFields(answer.body)?.["value"]) ?? "";
  }

  async createSecret(path: string, value: string): Promise<void> {
    await this.#put(`secrets/v1/secret/default/${path}`, { value });
  }

  async hasAccount(uid: string): Promise<boolean> {
    return this.#exists(`acs/api/v1/users/${uid}`);
  }

  /** @param publicKey PEM */
  async createAccount(uid: string, publicKey: string, description: string): Promise<void> {
    await this.#put(`acs/api/v1/users/${uid}`, { public_key: publicKey, description });
  }

  /** The resource has to be known before it is granted. */
  async grant(resource: string, uid: string, action: string): Promise<void> {
    const acl = `acs/api/v1/acls/${encodeURIComponent(encodeURIComponent(resource))}`;
    await this.#put(acl, { description: resource });
    await this.#put(`${acl}/users/${uid}/${action}`, undefined);
  }

  /** @returns whether Marathon has an app of this id */
  async hasApp(id: string): Promise<boolean> {
    return this.#exists(`service/marathon/v2/apps//${id}`);
  }

  /** Tasks of the app that are healthy, and that are wanted. */
  async health(id: string): Promise<{ healthy: number; wanted: number }> {
    const answer = await this.#ask("GET", `service/marathon/v2/apps//${id}`);
    if (answer.status !== 200) refuse(answer);
    const app = fieldsOf(parseFields(answer.body)?.["app"]);
    return { healthy: numberOf(app["tasksHealthy"]) ?? 0, wanted: numberOf(app["instances"]) ?? 1 };
  }

  /** All apps of Marathon, with the addresses of their tasks. */
  async apps(): Promise<readonly ClusterApp[]> {
    const answer = await this.#ask("GET", "service/marathon/v2/apps?embed=apps.tasks");
    if (answer.status !== 200) refuse(answer);
    return arrayOf(parseFields(answer.body)?.["apps"]).map(clusterAppOf);
  }

  async install(packageName: string, options: Fields): Promise<void> {
    const accept = `${cosmosType("install-response", 2)},${cosmosType("install-response")}`;
    await this.#cosmos("install", accept, { packageName, options });
  }

  async repositories(): Promise<readonly Repository[]> {
    const accept = cosmosType("repository.list-response");
    const document = await this.#cosmos("repository/list", accept, {});
    return arrayOf(document["repositories"]).map((entry) => ({
      name: textOf(fieldsOf(entry)["name"]) ?? "",
      uri: textOf(fieldsOf(entry)["uri"]) ?? "",
    }));
  }

  async addRepository({ name, uri }: Repository, index: number): Promise<void> {
    const accept = cosmosType("repository.add-response");
    await this.#cosmos("repository/add", accept, { name, uri, index });
  }

  async removeRepository({ name, uri }: Repository): Promise<void> {
    await this.#cosmos("repository/delete", cosmosType("repository.delete-response"), {
      name,
      uri,
    });
  }

  /**
   * Has Cosmos read all of its repositories.
   *
   * @throws {ClusterRefusal} in the words of Cosmos when it cannot read one: then it answers nobody
   */
  async search(query: string): Promise<void> {
    await this.#cosmos("search", cosmosType("search-response"), { query });
  }

  async #exists(route: string): Promise<boolean> {
    const answer = await this.#ask("GET", route);
    if (answer.status === 200) return true;
    return answer.status === 404 || answer.status === 400 ? false : refuse(answer);
  }

  /** 409: it is there already. */
  async #put(route: string, document: object | undefined): Promise<void> {
    const answer = await this.#ask("PUT", route, document);
    if (answer.status !== 409 && (answer.status < 200 || answer.status > 299)) refuse(answer);
  }

  async #cosmos(call: string, accept: string, question: object): Promise<Fields> {
    const kind = `${call.replace("/", ".")}-request`;
    const types = { accept, "content-type": cosmosType(kind) };
    const answer = await this.#ask("POST", `package/${call}`, question, types);
    if (answer.status !== 200) refuse(answer);
    return parseFields(answer.body) ?? {};
  }

  /** Once more where the connection broke: a proxy closes idle ones, and every call may be repeated. */
  async #ask(
    method: "GET" | "PUT" | "POST",
    route: string,
    document?: object,
    headers: Readonly<Record<string, string>> = { "content-type": "application/json" },
  ): Promise<Answer> {
    const body = document === undefined ? {} : { body: JSON.stringify(document) };
    const signal = this.#signal;
    const exchange = { method, route, headers, ...body, answerTimeoutMs, signal };
    return this.#transport.exchange(exchange).catch((error) => {
      if (!(error instanceof ConnectionBroken) || signal.aborted) throw error;
      return this.#transport.exchange(exchange);
    });
  }
}
