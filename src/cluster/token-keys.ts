/**
 * The keys that IAM signs the tokens of users with, from its JWKS.
 *
 * Kept for minutes, so that a key that IAM has withdrawn is not trusted for longer. A token that no known key has
 * signed has them fetched anew, at most once in a while, because anybody can send such tokens. While IAM is away
 * the last keys go on being used.
 */
import { type CryptoKey, importJWK, type JWK } from "jose";
import { ClusterRefusal } from "./cluster-error.ts";
import { type ClusterHttp, parseFields } from "./cluster-http.ts";

export type TokenKey = CryptoKey | Uint8Array;

const lifeMs = 5 * 60_000;
const againMs = 10_000;
/** IAM has one; more than these are not tried for a token. */
const most = 16;

interface Fetched {
  readonly keys: readonly TokenKey[];
  readonly atMs: number;
}

export class TokenKeys {
  readonly #base: () => Promise<URL>;
  readonly #http: ClusterHttp;
  readonly #onError: (error: unknown) => void;
  readonly #clock: () => number;
  #fetched: Fetched | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #pending: Promise<void> | undefined;

  /**
   * @param base    where Admin Router answers
   * @param onError told when the keys cannot be fetched and old ones are used
   * @param clock   monotonic milliseconds
   */
  constructor(
    base: () => Promise<URL>,
    http: ClusterHttp,
    onError: (error: unknown) => void,
    clock: () => number = () => performance.now(),
  ) {
    this.#base = base;
    this.#http = http;
    this.#onError = onError;
    this.#clock = clock;
  }

  /** @throws {ClusterError} when there have never been any */
  async known(): Promise<readonly TokenKey[]> {
    const { atMs = Number.NEGATIVE_INFINITY } = this.#fetched ?? {};
    if (this.#clock() - atMs >= lifeMs) await this.#refresh();
    return this.#fetched?.keys ?? [];
  }

  /**
   * After a token that no known key has signed.
   *
   * @returns undefined when it is too early to ask again, or nothing new was found
   */
  async newer(): Promise<readonly TokenKey[] | undefined> {
    const before = this.#fetched;
    if (this.#pending === undefined && this.#early()) return undefined;
    await this.#refresh();
    return this.#fetched === before ? undefined : this.#fetched?.keys;
  }

  /** Failures count as tries: IAM is not asked for each request while it is away. */
  async #refresh(): Promise<void> {
    if (this.#pending === undefined && this.#early()) {
      if (this.#fetched) return;
      throw this.#failure;
    }
    this.#pending ??= this.#try().finally(() => {
      this.#pending = undefined;
    });
    await this.#pending;
  }

  #early(): boolean {
    return this.#clock() - this.#triedAtMs < againMs;
  }

  async #try(): Promise<void> {
    this.#triedAtMs = this.#clock();
    try {
      await this.#fetch();
    } catch (error) {
      this.#failure = error;
      if (!this.#fetched) throw error;
      this.#onError(error);
    }
  }

  async #fetch(): Promise<void> {
    const url = new URL("/acs/api/v1/auth/jwks", await this.#base()).href;
    const { status, body } = await this.#http.exchange({ method: "GET", url });
    const listed = parseFields(body)?.["keys"];
    if (status !== 200 || !Array.isArray(listed)) {
      throw new ClusterRefusal(url, status, "that is no set of keys");
    }
    const keys = await Promise.all(listed.filter(isUsable).slice(0, most).map(toKey));
    const usable = keys.filter((key) => key !== undefined);
    if (usable.length === 0) throw new ClusterRefusal(url, status, "no key for RS256 is in it");
    this.#fetched = { keys: usable, atMs: this.#clock() };
  }
}

/** Public RSA keys for signatures; nothing else may verify a token. */
function isUsable(value: unknown): value is JWK {
  if (typeof value !== "object" || value === null) return false;
  const { kty, alg = "RS256", use = "sig" } = value as JWK;
  return kty === "RSA" && alg === "RS256" && use === "sig";
}

async function toKey({ kty, n, e }: JWK): Promise<TokenKey | undefined> {
  try {
    return await importJWK({ kty, n, e } as JWK, "RS256");
  } catch {
    return undefined;
  }
}
