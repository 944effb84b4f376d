/**
 * Routes that are loaded with the first request that asks for them.
 *
 * Loading express with all that packages need costs more than the rest of a start.
 */
import type { RequestListener } from "node:http";
import type { ReportError } from "./cosmos-envelope.ts";

/**
 * @param open      gives the listener; called with the first request, and again only when it has failed
 * @param report told why it cannot be loaded; the client gets 500
 */
export function loadedOnce(
  open: () => Promise<RequestListener>,
  report: ReportError,
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
        report(error, request);
        response.writeHead(500, { "Content-Length": 0, Connection: "close" }).end();
      },
    );
  };
}
