/** A web server on a free port of this machine, with one handler, for tests of the HTTP client. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createSecureContext } from "node:tls";
import { HttpClient } from "../../../src/cli/fetch/http-client.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export class Web {
  handler: Handler = (_request, response) => void response.writeHead(404).end();
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(request);
      response.on("error", () => undefined);
      this.handler(request, response);
    });
  }

  static async start(): Promise<Web> {
    const web = new Web();
    await new Promise<void>((resolve) => web.#server.listen(0, "127.0.0.1", resolve));
    return web;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  url(path = "/"): URL {
    return new URL(path, `http://${this.host}`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Trusts nobody: for plain HTTP. */
export function plainClient(
  environment: Readonly<Record<string, string>> = {},
  idleTimeoutMs?: number,
): HttpClient {
  return new HttpClient({
    environment,
    trust: createSecureContext({ ca: [] }),
    userAgent: "test/1",
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  });
}
