/**
 * Between Node's HTTP server and the routes: what is true of every request before its path is read.
 *
 * Each request names one host, has a path that starts with a slash, and sends a body that was held
 * back only when a route asks for it. What is no request at all is refused in words, too.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { holdBody } from "../http/expectation.ts";
import { refusalBody, refuseBrokenRequest, trackAnswer } from "./broken-request.ts";

const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/i;

/** @param server made with `httpLimits` */
export function serveRequests(server: Server, listener: RequestListener): void {
  const front: RequestListener = (request, response) => {
    trackAnswer(request, response);
    const hosts = hostsOf(request);
    if (hosts > 1 || (hosts === 0 && request.httpVersion === "1.1")) {
      refuseHost(response);
    } else {
      useOriginForm(request);
      listener(request, response);
    }
  };
  // Node drops headers behind the first 2000, and with them what a proxy says of the client. How many
  // bytes they may have together is limited anyway.
  server.maxHeadersCount = 0;
  server.on("request", front);
  server.on("checkContinue", (request, response) => {
    holdBody(request, response);
    front(request, response);
  });
  // Other expectations may be ignored (RFC 9110 section 10.1.1), and then they harm nobody.
  server.on("checkExpectation", front);
  server.on("clientError", refuseBrokenRequest);
}

function hostsOf({ rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

/** RFC 9112 section 3.2: more or fewer hosts than one is an attempt to be read in two ways. */
function refuseHost(response: ServerResponse): void {
  const body = refusalBody("it has to name one Host");
  response.writeHead(400, {
    "Content-Type": "application/json",
    "Content-Length": body.length,
    Connection: "close",
  });
  response.end(body);
}

/** Proxies send `GET https://host/path`, where that host counts and not the header. */
function useOriginForm(request: IncomingMessage): void {
  if (request.url?.startsWith("/")) return;
  const [, authority, rest = ""] = absoluteForm.exec(request.url ?? "") ?? [];
  if (authority === undefined) return;
  request.url = rest.startsWith("/") ? rest : `/${rest}`;
  request.headers.host = authority;
}
