/**
 * Reading from one repository of one registry: scheme, login and redirects are settled here.
 *
 * Credentials go to the registry and to the token server it names, and nowhere else. Plain HTTP is
 * spoken only with this machine and with hosts that the user named.
 */
import { isIP } from "node:net";
import { FetchFailed, isTlsFailure } from "../fetch/fetch-failed.ts";
import { basicAuthorization, type HttpAnswer, type HttpClient } from "../fetch/http-client.ts";
import { type RetryPolicy, withRetries } from "../fetch/retry.ts";
import { type BearerChallenge, type Challenge, parseChallenges } from "./auth-challenge.ts";
import type { Credentials } from "./docker-credentials.ts";
import { requestToken } from "./registry-token.ts";

export interface RegistrySessionOptions {
  readonly client: HttpClient;
  /** As in the reference; `docker.io` means Docker Hub's API host. */
  readonly host: string;
  readonly repository: string;
  readonly findCredentials: () => Promise<Credentials | undefined>;
  /** Whether plain HTTP is allowed with this host. */
  readonly allowHttp: boolean;
  readonly retry: RetryPolicy;
}

export class RegistrySession {
  /** Host and port that requests go to. */
  readonly apiHost: string;
  readonly #options: RegistrySessionOptions;
  #base: Promise<URL> | undefined;
  #authorization: string | undefined;
  #login: Promise<void> | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(options: RegistrySessionOptions) {
    this.#options = options;
    this.apiHost = options.host === "docker.io" ? "registry-1.docker.io" : options.host;
  }

  /**
   * @param path below the repository, `manifests/latest`
   * @returns any status but a 401 that a login can cure
   * @throws {FetchFailed}
   */
  async send(
    method: "GET" | "HEAD",
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer> {
    const base = await this.#connect();
    const url = new URL(`/v2/${this.#options.repository}/${path}`, base);
    const used = this.#authorization;
    const answer = await this.#request(method, url, headers);
    const challenge = challengeOf(answer);
    if (challenge === undefined) return answer;
    await answer.discard();
    await this.#logIn(challenge, used);
    return this.#request(method, url, headers);
  }

  #request(method: "GET" | "HEAD", url: URL, headers: Readonly<Record<string, string>>) {
    const { client, retry } = this.#options;
    const authorization = this.#authorization;
    return client.send(url, { method, headers, authorization, signal: retry.signal });
  }

  /** Asks `/v2/` once: which scheme, which login, and whether it is a registry at all. */
  async #connect(): Promise<URL> {
    this.#base ??= this.#ping();
    return this.#base;
  }

  async #ping(): Promise<URL> {
    const secure = new URL(`https://${this.apiHost}`);
    try {
      return await this.#pingAt(secure);
    } catch (error) {
      const plain = isTlsFailure(error) || (error instanceof FetchFailed && !error.status);
      if (!this.#options.allowHttp || !plain) throw error;
      return this.#pingAt(new URL(`http://${this.apiHost}`));
    }
  }

  async #pingAt(base: URL): Promise<URL> {
    const answer = await withRetries(this.#options.retry, () =>
      this.#request("GET", new URL("/v2/", base), {}),
    );
    await answer.discard();
    if (isHtml(answer) && answer.status < 400) {
      throw new FetchFailed(`${this.apiHost} answers with a web page, not as a registry`);
    }
    const challenge = challengeOf(answer);
    if (challenge) await this.#logIn(challenge, undefined);
    return base;
  }

  /** One login at a time; who waited behind a successful one uses its result. */
  async #logIn(challenge: Challenge, used: string | undefined): Promise<void> {
    if (this.#authorization !== used) return;
    this.#login ??= this.#authorize(challenge).finally(() => {
      this.#login = undefined;
    });
    await this.#login;
  }

  async #authorize(challenge: Challenge): Promise<void> {
    this.#credentials ??= this.#options.findCredentials();
    const credentials = await this.#credentials;
    if (credentials?.kind === "registry-token") {
      this.#authorization = `Bearer ${credentials.token}`;
    } else if (challenge.scheme === "bearer") {
      this.#authorization = `Bearer ${await this.#getToken(challenge, credentials)}`;
    } else if (credentials?.kind === "password") {
      this.#authorization = basicAuthorization(credentials.user, credentials.password);
    }
  }

  async #getToken(challenge: BearerChallenge, credentials?: Credentials): Promise<string> {
    const { client, repository, retry, allowHttp } = this.#options;
    const realm = parseRealm(challenge.realm, allowHttp);
    const own = `repository:${repository}:pull`;
    const scopes = [...new Set([...(challenge.scope ? [challenge.scope] : []), own])];
    const { service } = challenge;
    return withRetries(retry, () =>
      requestToken(client, {
        realm,
        ...(service !== undefined && { service }),
        scopes,
        credentials,
        signal: retry.signal,
      }),
    );
  }
}

function challengeOf(answer: HttpAnswer): Challenge | undefined {
  return answer.status === 401 ? parseChallenges(answer.headers("www-authenticate")) : undefined;
}

export function isHtml(answer: HttpAnswer): boolean {
  return /^text\/html\b/i.test(answer.header("content-type") ?? "");
}

/** A registry could send us, and our password, anywhere; at least not to metadata services. */
function parseRealm(text: string, allowHttp: boolean): URL {
  if (!URL.canParse(text)) throw new FetchFailed("the registry names a broken token server");
  const realm = new URL(text);
  const secure = realm.protocol === "https:" || (allowHttp && realm.protocol === "http:");
  if (!secure) throw new FetchFailed("the registry's token server does not use https");
  const host = realm.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && /^(?:169\.254\.|fe[89ab][0-9a-f]:)/i.test(host)) {
    throw new FetchFailed("the registry's token server has a link-local address");
  }
  return realm;
}
