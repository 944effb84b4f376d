/**
 * Decides who a request comes from, from every kind of credentials that is configured.
 *
 * It only says who; what that allows is the business of the guards in `http/`. A password that was
 * right is remembered for a minute as a keyed digest, because bcrypt on each of a client's many
 * requests would cost more than serving them.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { parseAuthorization } from "./authorization-header.ts";
import type { Htpasswd } from "./htpasswd.ts";
import type { LoginThrottle } from "./login-throttle.ts";
import type { Principal } from "./principal.ts";
import type { RegistryTokens } from "./registry-token.ts";
import type { StaticTokens } from "./static-tokens.ts";

export interface Identity {
  /** Whether anybody at all can log in; if not, only this machine may write. */
  readonly configured: boolean;

  /**
   * @param peer address of the other side, for the limit on failed logins
   * @returns undefined without credentials and with wrong or expired ones
   * @throws {TooManyLogins}
   * @throws {RegistryError} UNAVAILABLE when the cluster would have to be asked, and does not answer
   */
  authenticate(headers: IncomingHttpHeaders, peer: string): Promise<Principal | undefined>;

  /** The same for a name and a password that came by another way than the header. */
  login(user: string, password: string, peer: string): Promise<Principal | undefined>;
}

/** Users that somebody else has logged in. */
export interface UserTokens {
  /** @returns the user's name; undefined for every token that does not allow to write */
  userOf(token: string): Promise<string | undefined>;
}

export interface IdentitySources {
  readonly htpasswd?: Htpasswd;
  readonly staticTokens?: StaticTokens;
  /** Of the cluster; its tokens are passwords of docker clients, too, with any user name. */
  readonly userTokens?: UserTokens;
  readonly registryTokens: RegistryTokens;
  readonly throttle: LoginThrottle;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

export function createIdentity(sources: IdentitySources): Identity {
  return new ConfiguredIdentity(sources);
}

const rememberMs = 60_000;
const rememberAtMost = 1000;

interface Remembered {
  readonly until: number;
  readonly hash: string;
}

class ConfiguredIdentity implements Identity {
  readonly configured: boolean;
  readonly #sources: IdentitySources;
  readonly #clock: () => number;
  readonly #rememberKey = randomBytes(32);
  readonly #remembered = new Map<string, Remembered>();

  constructor(sources: IdentitySources) {
    this.#sources = sources;
    this.#clock = sources.clock ?? (() => performance.now());
    const { htpasswd, staticTokens, userTokens } = sources;
    this.configured = (htpasswd ?? staticTokens ?? userTokens) !== undefined;
  }

  async authenticate(headers: IncomingHttpHeaders, peer: string): Promise<Principal | undefined> {
    const sent = parseAuthorization(headers.authorization);
    if (!sent || !this.configured) return undefined;
    if (sent.kind === "password") return this.login(sent.user, sent.password, peer);
    const { registryTokens } = this.#sources;
    return (
      (await this.#byStaticToken(sent.token)) ??
      (await registryTokens.verify(sent.token)) ??
      this.#byUserToken(sent.token)
    );
  }

  async login(user: string, password: string, peer: string): Promise<Principal | undefined> {
    const { htpasswd, throttle } = this.#sources;
    const principal = (await this.#byStaticToken(password)) ?? (await this.#byUserToken(password));
    if (principal) return principal;
    const key = this.#digest(user, password);
    const known = await this.#isRemembered(user, key);
    if (known) return { subject: user, access: "all" };
    const hash = await throttle.attempt(peer, async () => htpasswd?.match(user, password));
    if (hash === undefined) return undefined;
    this.#remember(key, hash);
    return { subject: user, access: "all" };
  }

  async #byStaticToken(token: string): Promise<Principal | undefined> {
    const line = await this.#sources.staticTokens?.lineOf(token);
    return line === undefined ? undefined : { subject: `token ${line}`, access: "all" };
  }

  async #byUserToken(token: string): Promise<Principal | undefined> {
    const user = await this.#sources.userTokens?.userOf(token);
    return user === undefined ? undefined : { subject: user, access: "all" };
  }

  #digest(user: string, password: string): string {
    const parts = JSON.stringify([user, password]);
    return createHmac("sha256", this.#rememberKey).update(parts).digest("base64");
  }

  /** Only as long as the file still holds the hash that the password matched. */
  async #isRemembered(user: string, key: string): Promise<boolean> {
    const found = this.#remembered.get(key);
    if (!found) return false;
    const valid =
      found.until > this.#clock() && (await this.#sources.htpasswd?.hashOf(user)) === found.hash;
    if (!valid) this.#remembered.delete(key);
    return valid;
  }

  #remember(key: string, hash: string): void {
    this.#remembered.set(key, { until: this.#clock() + rememberMs, hash });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > rememberAtMost && oldest !== undefined) {
      this.#remembered.delete(oldest);
    }
  }
}
