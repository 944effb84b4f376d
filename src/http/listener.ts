/**
 * The entry of every request: `/v2` goes to its own dispatcher, all else to the rest.
 *
 * Express' routing costs more than a whole pull request.
 */
import type { IncomingMessage, RequestListener } from "node:http";
import type { Handler } from "./version-check.ts";

export function createListener(v2: Handler, others: RequestListener): RequestListener {
  return (request, response) => {
    if (isV2(request)) void v2(request, response);
    else others(request, response);
  };
}

export function isV2({ url = "" }: IncomingMessage): boolean {
  return url.startsWith("/v2/") || url === "/v2" || url.startsWith("/v2?");
}
