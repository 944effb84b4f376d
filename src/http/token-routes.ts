/**
 * `/v2/token`: gives out the short-lived tokens of Docker's token protocol.
 *
 * GET serves docker, podman and skopeo: without credentials a token to pull, with right ones a token
 * for what was asked, with wrong ones a refusal at once, which is what makes `docker login` fail on
 * a wrong password. POST is the OAuth 2 form with a password, which containerd tries first.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Identity } from "../identity/identity.ts";
import { Unauthorized } from "../identity/identity-error.ts";
import { type Access, anonymous, type Principal } from "../identity/principal.ts";
import type { RegistryTokens } from "../identity/registry-token.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Challenges } from "./challenge.ts";
import { readLimited } from "./read-limited.ts";
import { MethodNotAllowed } from "./request-error.ts";
import { onlyPull, parseScopes } from "./token-scope.ts";
import type { Handler } from "./version-check.ts";

export interface TokenRouteOptions {
  readonly identity: Identity;
  readonly tokens: RegistryTokens;
  readonly challenges: Challenges;
}

/** A POST that is no password grant; clients then try GET. */
export class TokenRequestUnsupported extends RegistryError {
  readonly code = "UNSUPPORTED";
}

const formBytes = 64 * 1024;

/**
 * For every method of the path.
 *
 * @throws {Unauthorized} {TooManyLogins} {TokenRequestUnsupported} {MethodNotAllowed}
 *   {RequestTooLarge} from the handler
 */
export function createTokenRoute(options: TokenRouteOptions): Handler {
  return async (request, response) => {
    const { method } = request;
    if (method === "POST") await byForm(options, request, response);
    else if (method === "GET" || method === "HEAD") await byHeader(options, request, response);
    else throw new MethodNotAllowed("GET, HEAD, POST");
  };
}

async function byHeader(
  { identity, tokens, challenges }: TokenRouteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? "";
  const mark = url.indexOf("?");
  const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
  const principal = await identity.authenticate(request.headers, peerOf(request));
  const sent = request.headers.authorization !== undefined;
  if (!principal && sent && identity.configured) throw wrongCredentials(challenges);
  await answer(request, response, tokens, principal ?? anonymous, query);
}

async function byForm(
  { identity, tokens, challenges }: TokenRouteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams(await readForm(request));
  if (form.get("grant_type") !== "password") {
    const grantTypes = ["password"];
    throw new TokenRequestUnsupported("only the grant type password is served", { grantTypes });
  }
  const user = form.get("username") ?? "";
  const principal = await identity.login(user, form.get("password") ?? "", peerOf(request));
  if (!principal) throw wrongCredentials(challenges);
  await answer(request, response, tokens, principal, form);
}

function peerOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? "";
}

function wrongCredentials(challenges: Challenges): Unauthorized {
  return new Unauthorized("user or password is wrong", challenges.basic());
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  tokens: RegistryTokens,
  principal: Principal,
  parameters: URLSearchParams,
): Promise<void> {
  const asked = parseScopes(parameters.getAll("scope"));
  const access = grant(principal, asked);
  const { token, issuedAt, expiresInSeconds } = await tokens.issue(principal.subject, access);
  const body = JSON.stringify({
    token,
    access_token: token,
    expires_in: expiresInSeconds,
    issued_at: issuedAt.toISOString(),
    scope: access.map(({ type, name, actions }) => `${type}:${name}:${actions}`).join(" "),
  });
  response.writeHead(200, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** A token never turns into one that allows more: what is limited gives what everybody gets. */
function grant(principal: Principal, asked: readonly Access[]): Access[] {
  return principal.access === "all" ? [...asked] : onlyPull(asked);
}

async function readForm(request: IncomingMessage): Promise<string> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw new TokenRequestUnsupported(
      "a token is asked for with application/x-www-form-urlencoded",
    );
  }
  return (await readLimited(request, formBytes)).toString("utf8");
}
