/** One request to the distribution API, with what every operation needs of it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RepositoryName } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";

export interface Exchange {
  readonly registry: Registry;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly repository: RepositoryName;
}

/** Answers without a body. Every answer says its length: several clients refuse chunked ones. */
export function answer(
  { response }: Pick<Exchange, "response">,
  status: number,
  headers: Readonly<Record<string, string | number | readonly string[]>> = {},
): void {
  const length = status === 204 ? {} : { "Content-Length": 0 };
  response.writeHead(status, { ...length, ...(headers as Record<string, string>) }).end();
}

export function answerJson(
  { request, response }: Pick<Exchange, "request" | "response">,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(document));
  response.writeHead(200, {
    "Content-Type": "application/json",
    "Content-Length": bytes.byteLength,
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}
