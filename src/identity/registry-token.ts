/**
 * The short-lived tokens of Docker's token protocol: a JWT that says who, where and what.
 *
 * Signed with a key that all instances share, so that any of them verifies what another issued. Reads
 * are open: who signs and verifies is loaded when somebody logs in.
 */
import type { Access, Principal } from "./principal.ts";
import type { SigningKeys } from "./signing-keys.ts";

export const tokenLifeSeconds = 300;
const issuer = "dcos-package-registry";
const longest = 16_384;

export interface RegistryToken {
  readonly token: string;
  readonly issuedAt: Date;
  readonly expiresInSeconds: number;
}

export class RegistryTokens {
  readonly #keys: SigningKeys;
  readonly #service: string;
  readonly #now: () => number;

  /** @param service the audience of all tokens; `now` gives milliseconds since 1970 */
  constructor(keys: SigningKeys, service: string, now: () => number = Date.now) {
    this.#keys = keys;
    this.#service = service;
    this.#now = now;
  }

  /** A token for `subject` that allows `access`, whole seconds long. */
  async issue(subject: string, access: readonly Access[]): Promise<RegistryToken> {
    const { id, secret } = await this.#keys.current();
    const issued = Math.floor(this.#now() / 1000);
    const { SignJWT } = await import("jose");
    const token = await new SignJWT({ access })
      .setProtectedHeader({ alg: "HS256", typ: "JWT", kid: id })
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(this.#service)
      .setIssuedAt(issued)
      .setExpirationTime(issued + tokenLifeSeconds)
      .sign(secret);
    return { token, issuedAt: new Date(issued * 1000), expiresInSeconds: tokenLifeSeconds };
  }

  /** @returns undefined for anything that is no valid token of ours, expired ones included */
  async verify(token: string): Promise<Principal | undefined> {
    if (token.length > longest || token.split(".").length !== 3) return undefined;
    const { jwtVerify } = await import("jose");
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.#secret(kid), {
        algorithms: ["HS256"],
        issuer,
        audience: this.#service,
        currentDate: new Date(this.#now()),
        requiredClaims: ["sub", "exp"],
      });
      return { subject: payload.sub ?? "", access: parseAccess(payload["access"]) };
    } catch (error) {
      if (isTokenError(error)) return undefined;
      throw error;
    }
  }

  async #secret(id: unknown): Promise<Uint8Array> {
    const key = typeof id === "string" && id.length <= 128 ? await this.#keys.find(id) : undefined;
    if (!key) throw new UnknownKey();
    return key.secret;
  }
}

class UnknownKey extends Error {}

/** jose's own errors carry codes `ERR_JW…` and `ERR_JOSE…`; everything else is ours to report. */
function isTokenError(error: unknown): boolean {
  if (error instanceof UnknownKey) return true;
  return (
    error instanceof Error && /^ERR_J(?:W|OSE)/.test(String((error as { code?: unknown }).code))
  );
}

/** Signed by us, so malformed entries can only be a version's difference: they allow nothing. */
function parseAccess(claim: unknown): Access[] {
  return Array.isArray(claim) ? claim.filter(isAccess) : [];
}

function isAccess(value: unknown): value is Access {
  if (typeof value !== "object" || value === null) return false;
  const { type, name, actions } = value as Record<string, unknown>;
  return typeof type === "string" && typeof name === "string" && Array.isArray(actions);
}
