/**
 * Decides whether a request may change something. Every writing route asks here first.
 *
 * With an identity configured the credentials decide, wherever the request comes from; without one
 * only this machine itself may write. Nothing is read from the body.
 */
import type { IncomingMessage } from "node:http";
import type { Identity } from "../identity/identity.ts";
import { Denied, Unauthorized } from "../identity/identity-error.ts";
import { mayIn, type Principal } from "../identity/principal.ts";
import type { Challenges } from "./challenge.ts";
import { isLocalRequest } from "./loopback.ts";

export interface WriteAction {
  /** Set for `/v2` routes; package management has none and needs full rights. */
  readonly repository?: string;
}

/**
 * @returns who writes
 * @throws {Denied} where no credentials would help
 * @throws {Unauthorized} with the challenge that docker clients follow
 * @throws {TooManyLogins}
 */
export type WriteGuard = (request: IncomingMessage, action: WriteAction) => Promise<Principal>;

export interface WriteGuardOptions {
  readonly readOnly: boolean;
  readonly challenges: Challenges;
}

const loopback: Principal = { subject: "loopback", access: "all" };

export function createWriteGuard(
  identity: Identity,
  { readOnly, challenges }: WriteGuardOptions,
): WriteGuard {
  return async (request, { repository }) => {
    if (readOnly) throw new Denied("this registry is read-only");
    if (!identity.configured) return requireLocal(request);

    const peer = request.socket.remoteAddress ?? "";
    const principal = await identity.authenticate(request.headers, peer);
    if (principal && maySucceed(principal, request.method, repository)) return principal;
    throw refusal(request, challenges, { known: principal !== undefined, repository });
  };
}

function refusal(
  request: IncomingMessage,
  challenges: Challenges,
  { known, repository }: { known: boolean; repository: string | undefined },
): Unauthorized {
  const detail = repository === undefined ? {} : { repository };
  if (known) {
    const challenge = challenges.bearer(request, { repository, error: "insufficient_scope" });
    return new Unauthorized("these credentials do not allow to write here", challenge, detail);
  }
  if (request.headers.authorization !== undefined) {
    const challenge = challenges.bearer(request, { repository, error: "invalid_token" });
    return new Unauthorized("these credentials are not valid", challenge, detail);
  }
  const challenge = challenges.bearer(request, { repository });
  return new Unauthorized("writing needs credentials", challenge, detail);
}

function requireLocal(request: IncomingMessage): Principal {
  if (isLocalRequest(request)) return loopback;
  throw new Denied(
    "without --htpasswd, --token-file or --service-account this registry takes writes from its own machine only",
  );
}

/** Clients that delete ask for a token with `delete` or `*`; who may push may delete as well. */
function maySucceed(
  principal: Principal,
  method: string | undefined,
  repository: string | undefined,
): boolean {
  if (repository === undefined) return principal.access === "all";
  if (mayIn(principal, repository, "push")) return true;
  return method === "DELETE" && mayIn(principal, repository, "delete");
}
