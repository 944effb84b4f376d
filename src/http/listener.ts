/**
 * The entry of every request: `/v2` goes to its own dispatcher, all else to what is loaded for it.
 *
 * Express' routing costs more than a whole pull request, and loading it with all that packages need costs
 * more than the rest of a start: each is loaded with the first request that asks for it.
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

/**
 * @param open      gives the listener; called with the first request, and again only when it has failed
 * @param onFailure told why it cannot be loaded; the client gets 500
 */
export function loadedOnce(
  open: () => Promise<RequestListener>,
  onFailure: (error: unknown) => void,
): RequestListener {
  let listener: RequestListener | undefined;
  let opening: Promise<RequestListener> | undefined;
  const opened = async (): Promise<RequestListener> => {
    opening ??= open();
    try {
      listener = await opening;
      return listener;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  return (request, response) => {
    if (listener) {
      listener(request, response);
      return;
    }
    opened().then(
      (loaded) => loaded(request, response),
      (error: unknown) => {
        onFailure(error);
        response.writeHead(500, { "Content-Length": 0, Connection: "close" }).end();
      },
    );
  };
}
