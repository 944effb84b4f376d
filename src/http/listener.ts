/**
 * The entry of every request: `/v2` goes to its own dispatcher, all else to the application.
 *
 * Express' routing costs more than a whole pull request, and loading it with all that packages need costs
 * more than the rest of a start: it is loaded with the first request that asks for it.
 */
import type { IncomingMessage, RequestListener } from "node:http";
import type { Handler } from "./version-check.ts";

/**
 * @param open     gives the application; called again only when it has failed
 * @param onFailure told why it cannot be loaded; the connection is closed then
 */
export function createListener(
  v2: Handler,
  open: () => Promise<RequestListener>,
  onFailure: (error: unknown) => void,
): RequestListener {
  let app: RequestListener | undefined;
  let opening: Promise<RequestListener> | undefined;
  const opened = async (): Promise<RequestListener> => {
    opening ??= open();
    try {
      app = await opening;
      return app;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  return (request, response) => {
    if (isV2(request)) void v2(request, response);
    else if (app) app(request, response);
    else {
      opened()
        .then((loaded) => loaded(request, response))
        .catch((error: unknown) => {
          onFailure(error);
          response.destroy();
        });
    }
  };
}

export function isV2({ url = "" }: IncomingMessage): boolean {
  return url.startsWith("/v2/") || url === "/v2" || url.startsWith("/v2?");
}
