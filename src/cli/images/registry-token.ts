/** Asks a token server for a token, anonymously or with what the user has (Docker's token flow). */
import { FetchFailed, httpFailure } from "../fetch/fetch-failed.ts";
import { basicAuthorization, type HttpAnswer, type HttpClient } from "../fetch/http-client.ts";
import type { Credentials } from "./docker-credentials.ts";

export interface TokenRequest {
  readonly realm: URL;
  readonly service?: string;
  /** At least one; servers look at the first one first. */
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
}

const maxAnswerBytes = 1024 * 1024;

/** @throws {FetchFailed}; status 401 when the credentials are wrong */
export async function requestToken(client: HttpClient, request: TokenRequest): Promise<string> {
  const { credentials } = request;
  if (credentials?.kind === "identity-token") {
    const answer = await postIdentity(client, request, credentials.token);
    if (answer.status !== 404) return tokenIn(answer);
    await answer.discard(); // a server without OAuth2 may take the token in the older form
  }
  const url = new URL(request.realm);
  if (request.service !== undefined) url.searchParams.set("service", request.service);
  for (const scope of request.scopes) url.searchParams.append("scope", scope);
  const authorization =
    credentials?.kind === "password"
      ? basicAuthorization(credentials.user, credentials.password)
      : credentials && basicAuthorization("<token>", credentials.token);
  return tokenIn(await client.send(url, { authorization, signal: request.signal }));
}

function postIdentity(
  client: HttpClient,
  { realm, service, scopes, signal }: TokenRequest,
  token: string,
): Promise<HttpAnswer> {
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    service: service ?? "",
    client_id: "dcos-registry",
    scope: scopes.join(" "),
    refresh_token: token,
  }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return client.send(realm, { method: "POST", headers, body, signal });
}

async function tokenIn(answer: HttpAnswer): Promise<string> {
  if (answer.status !== 200) {
    await answer.discard();
    throw httpFailure(answer.status, answer.statusText, answer.header("retry-after"));
  }
  const bytes = await readLimited(answer, maxAnswerBytes);
  const token = parseToken(bytes.toString("utf8"));
  if (token === undefined) throw new FetchFailed("the registry's token server answers no token");
  return token;
}

/** Both names are in use; visible ASCII only, since it becomes a header. */
function parseToken(text: string): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(text) as Record<string, unknown>;
    const found = token || other;
    return typeof found === "string" && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    return undefined; // not JSON; the text may hold a token, so the parser's message is not kept
  }
}

/** @throws {FetchFailed} when the body is longer than `limit` bytes */
export async function readLimited(answer: HttpAnswer, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > limit) throw new FetchFailed(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
