/** A real server on a free port around some routers, and requests to it without any client's help. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import express, { type Router } from "express";
import { cosmosErrors } from "../../src/http/cosmos-envelope.ts";
import { NotFound } from "../../src/http/request-error.ts";

export interface Received {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** The body as JSON of the shape that the test expects. */
  json<T>(): T;
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | AsyncIterable<Buffer>;
}

export interface TestServer {
  readonly port: number;
  readonly url: string;
  /** What the error handler reported as faults of the server. */
  readonly faults: unknown[];
  ask(ask: Ask): Promise<Received>;
  close(): Promise<void>;
}

export async function startRouters(...routers: Router[]): Promise<TestServer> {
  const faults: unknown[] = [];
  const app = express();
  app.disable("x-powered-by");
  for (const router of routers) app.use(router);
  app.use(() => {
    throw new NotFound();
  });
  app.use(cosmosErrors((error) => faults.push(error)));
  const server = createServer(app);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { port, url, faults, ask: (ask) => send(port, ask), close: () => stop(server) };
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}

/** @param onAnswer called when the headers of the answer are there */
export async function send(port: number, ask: Ask, onAnswer = () => {}): Promise<Received> {
  const { method = "GET", path = "/", headers = {}, body } = ask;
  const asking = request({ host: "127.0.0.1", port, method, path, headers });
  const answered = once(asking, "response") as Promise<[IncomingMessage]>;
  if (body === undefined || typeof body === "string" || Buffer.isBuffer(body)) asking.end(body);
  else {
    // A server that refuses closes while we send; what counts is its answer.
    pipeline(body, asking).catch(() => {});
  }
  const [answer] = await answered;
  onAnswer();
  // A server that refuses may close while we still send; what counts is its answer.
  asking.on("error", () => {});
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    body: bytes,
    json: () => JSON.parse(bytes.toString()),
  };
}
