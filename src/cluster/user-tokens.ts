/**
 * Users of the cluster, by the tokens that IAM has given them (`dcos auth login`).
 *
 * Tokens are verified here with IAM's keys, because the load-balanced address is reached by every task without
 * Admin Router. What a token was found to be worth is remembered for a minute at most, never beyond its end.
 */
import { createHash } from "node:crypto";
import { errors, jwtVerify } from "jose";
import { UsersUnavailable } from "./cluster-error.ts";
import { textOf } from "./cluster-http.ts";
import type { TokenKey, TokenKeys } from "./token-keys.ts";

export interface UserTokensOptions {
  readonly keys: TokenKeys;
  /** Uids of those who may write. */
  readonly allow: readonly string[];
  /** Whether whoever holds the token may use this service. */
  readonly mayUse?: (token: string) => Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const longest = 16_384;
/** Between IAM's clock and ours. */
const skewSeconds = 60;
const rememberMs = 60_000;
const rememberRefusalMs = 5_000;
const rememberAtMost = 1000;

interface Remembered {
  readonly untilMs: number;
  readonly uid: string | undefined;
}

interface Verified {
  readonly uid: string;
  readonly expiresMs: number;
}

export class UserTokens {
  readonly #options: UserTokensOptions;
  readonly #allow: ReadonlySet<string>;
  readonly #now: () => number;
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: UserTokensOptions) {
    this.#options = options;
    this.#allow = new Set(options.allow);
    this.#now = options.now ?? Date.now;
  }

  /**
   * @returns the uid of a user who may write; undefined for everybody else, and for what is no token of IAM
   * @throws {UsersUnavailable} when that cannot be found out now
   */
  async userOf(token: string): Promise<string | undefined> {
    if (!looksLikeOne(token)) return undefined;
    const name = createHash("sha256").update(token).digest("base64");
    const known = this.#remembered.get(name);
    if (known && this.#now() < known.untilMs) return known.uid;
    try {
      return await this.#find(name, token);
    } catch (cause) {
      throw new UsersUnavailable(cause);
    }
  }

  async #find(name: string, token: string): Promise<string | undefined> {
    const verified = await this.#verify(token);
    if (!verified) return undefined;
    const { uid, expiresMs } = verified;
    const allowed = this.#allow.has(uid) || (await this.#options.mayUse?.(token)) === true;
    const memoryMs = allowed ? rememberMs : rememberRefusalMs;
    const untilMs = Math.min(this.#now() + memoryMs, expiresMs);
    this.#remember(name, { untilMs, uid: allowed ? uid : undefined });
    return allowed ? uid : undefined;
  }

  async #verify(token: string): Promise<Verified | undefined> {
    const { keys } = this.#options;
    const found = await this.#verifyWith(await keys.known(), token);
    if (found !== "unknown key") return found;
    const newer = await keys.newer();
    const again = newer === undefined ? undefined : await this.#verifyWith(newer, token);
    return again === "unknown key" ? undefined : again;
  }

  /** IAM's tokens do not say which key has signed them. */
  async #verifyWith(
    keys: readonly TokenKey[],
    token: string,
  ): Promise<Verified | "unknown key" | undefined> {
    for (const key of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ["RS256"],
          clockTolerance: skewSeconds,
          currentDate: new Date(this.#now()),
          requiredClaims: ["uid", "exp"],
        });
        const uid = textOf(payload["uid"]);
        const expiresMs = ((payload.exp ?? 0) + skewSeconds) * 1000;
        return uid === undefined ? undefined : { uid, expiresMs };
      } catch (error) {
        if (error instanceof errors.JWSSignatureVerificationFailed) continue;
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    }
    return "unknown key";
  }

  #remember(name: string, what: Remembered): void {
    this.#remembered.delete(name);
    this.#remembered.set(name, what);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > rememberAtMost && oldest !== undefined) {
      this.#remembered.delete(oldest);
    }
  }
}

/** Spares IAM and the processor everything that cannot be a token for RS256. */
function looksLikeOne(token: string): boolean {
  if (token.length > longest) return false;
  const [header] = /^[\w-]+(?=\.[\w-]+\.[\w-]+$)/.exec(token) ?? [];
  if (header === undefined) return false;
  try {
    const fields: unknown = JSON.parse(Buffer.from(header, "base64url").toString());
    return (fields as { alg?: unknown } | null)?.alg === "RS256";
  } catch {
    return false;
  }
}
