/**
 * `GET /v2/`: tells clients what this is, and whether to log in.
 *
 * With an identity configured this route alone asks for a token, also of those who only pull: docker
 * clients send credentials later only if they were asked here. All other reads need none.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Identity } from "../identity/identity.ts";
import { Unauthorized } from "../identity/identity-error.ts";
import type { Challenges } from "./challenge.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** @throws {Unauthorized} from the handler; the API version header is set in any case */
export function createVersionCheck(identity: Identity, challenges: Challenges): Handler {
  return async (request, response) => {
    response.setHeader("Docker-Distribution-API-Version", "registry/2.0");
    if (identity.configured) await requireToken(identity, challenges, request);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": 2 });
    response.end(request.method === "HEAD" ? undefined : "{}");
  };
}

async function requireToken(
  identity: Identity,
  challenges: Challenges,
  request: IncomingMessage,
): Promise<void> {
  const peer = request.socket.remoteAddress ?? "";
  if (await identity.authenticate(request.headers, peer)) return;
  const sent = request.headers.authorization !== undefined;
  throw new Unauthorized(
    sent ? "these credentials are not valid" : "a token is needed; anonymous ones are given out",
    challenges.bearer(request, sent ? { error: "invalid_token" } : {}),
  );
}
