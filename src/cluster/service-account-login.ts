/**
 * Logs the service account in at IAM and keeps the token that it is given.
 *
 * A login proves possession of the account's key by a JWT that lives for minutes. The token lives for days;
 * it is replaced when a quarter of that is left, and at once when somebody refuses it. While IAM is
 * away, a token that is still valid goes on being used.
 */
import { decodeJwt, SignJWT } from "jose";
import { LoginRefused } from "./cluster-error.ts";
import {
  type ClusterAnswer,
  type ClusterHttp,
  parseFields,
  printable,
  textOf,
} from "./cluster-http.ts";
import type { ServiceAccount } from "./service-account.ts";

/** IAM wants proofs to live no longer than ten minutes; this leaves room for clocks that differ. */
const proofLifeSeconds = 300;
/** Of a token that does not say when it ends. */
const unknownLifeMs = 60 * 60_000;

interface Held {
  readonly token: string;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

export class ServiceAccountLogin {
  readonly #read: () => Promise<ServiceAccount>;
  readonly #http: ClusterHttp;
  readonly #now: () => number;
  #held: Held | undefined;
  #pending: Promise<Held> | undefined;

  /** @param read the account as it is now; `now` gives milliseconds since 1970 */
  constructor(
    read: () => Promise<ServiceAccount>,
    http: ClusterHttp,
    now: () => number = Date.now,
  ) {
    this.#read = read;
    this.#http = http;
    this.#now = now;
  }

  /**
   * Sends what needs the account's token; with a new one again when the first was refused.
   *
   * @param send answers what the cluster has answered
   * @throws {ServiceAccountInvalid | LoginRefused | ClusterUnreachable} when there is no token
   */
  async authorized(send: (token: string) => Promise<ClusterAnswer>): Promise<ClusterAnswer> {
    const token = await this.token();
    const answer = await send(token);
    if (answer.status !== 401) return answer;
    if (this.#held?.token === token) this.#held = undefined;
    return send(await this.token());
  }

  /** @throws {ServiceAccountInvalid | LoginRefused | ClusterUnreachable} */
  async token(): Promise<string> {
    const held = this.#held;
    if (held && this.#now() < held.renewAtMs) return held.token;
    this.#pending ??= this.#login().finally(() => {
      this.#pending = undefined;
    });
    try {
      return (await this.#pending).token;
    } catch (error) {
      if (held && held === this.#held && this.#now() < held.expiresAtMs) return held.token;
      throw error;
    }
  }

  async #login(): Promise<Held> {
    const { uid, privateKey, loginEndpoint } = await this.#read();
    const seconds = Math.floor(this.#now() / 1000);
    const token = await new SignJWT({ uid })
      .setProtectedHeader({ alg: "RS256", typ: "JWT" })
      .setExpirationTime(seconds + proofLifeSeconds)
      .sign(privateKey);
    const url = loginEndpoint.href;
    const answer = await this.#http.exchange({ method: "POST", url, document: { uid, token } });
    this.#held = this.#hold(uid, url, answer);
    return this.#held;
  }

  #hold(uid: string, url: string, { status, body }: ClusterAnswer): Held {
    const fields = parseFields(body) ?? {};
    if (status !== 200) throw refusal(uid, url, status, fields);
    const token = textOf(fields["token"]);
    if (token === undefined) throw new LoginRefused(`${url} answered a login without a token`);
    const now = this.#now();
    const expiresAtMs = expiryOf(token) ?? now + unknownLifeMs;
    return { token, expiresAtMs, renewAtMs: now + (expiresAtMs - now) * 0.75 };
  }
}

function refusal(
  uid: string,
  url: string,
  status: number,
  fields: Readonly<Record<string, unknown>>,
): LoginRefused {
  const code = textOf(fields["code"]);
  const said = printable(textOf(fields["description"]) ?? textOf(fields["title"]) ?? "");
  const words = [said, code && printable(code)].filter(Boolean).join(" ");
  const why =
    status === 401
      ? "; the account is unknown there, has another key, or a clock is wrong"
      : status >= 300 && status < 400
        ? "; logins are not sent elsewhere: name the other URL in the secret"
        : "";
  const account = printable(uid);
  return new LoginRefused(`${url} refuses service account ${account}: ${status} ${words}${why}`);
}

/** Milliseconds since 1970. Who issued it has been asked over TLS, so it is not verified here. */
function expiryOf(token: string): number | undefined {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined ? undefined : exp * 1000;
  } catch {
    return undefined;
  }
}
