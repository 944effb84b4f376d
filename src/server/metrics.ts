/**
 * Prometheus metrics, on a plain-HTTP listener of their own: DC/OS scrapes `http://` only, and the
 * registry's own port needs no such route. With several workers their figures are added up.
 */
import cluster from "node:cluster";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import {
  type Aggregator,
  AggregatorRegistry,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  register,
} from "prom-client";

const requests = new Histogram({
  name: "dcos_registry_http_request_duration_seconds",
  help: "Requests by method and status class, from the first header byte to the last byte sent",
  labelNames: ["method", "status"],
  buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
});

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** Called once per request; labels are bounded whatever clients send. */
export function observeRequest(method: string, status: number, seconds: number): void {
  const labels = {
    method: methods.has(method) ? method : "other",
    status: `${Math.floor(status / 100)}xx`,
  };
  requests.observe(labels, seconds);
}

/**
 * A figure that is looked up when somebody asks for it.
 *
 * @param aggregator how the figures of several workers become one: of what all of them share, as the
 *                   disk, each tells the same
 * @param read       undefined while there is nothing to tell
 */
export function defineGauge(
  name: string,
  help: string,
  aggregator: Aggregator,
  read: () => number | undefined | Promise<number | undefined>,
): void {
  register.removeSingleMetric(name);
  new Gauge({
    name,
    help,
    aggregator,
    async collect() {
      const value = await read();
      if (value === undefined) this.remove();
      else this.set(value);
    },
  });
}

/** What this product measures, as a Markdown table; figures of Node itself are left out. */
export async function metricTable(): Promise<string> {
  const ours = (await register.getMetricsAsJSON())
    .filter(({ name }) => name.startsWith("dcos_registry_"))
    .map(({ name, type, help }) => `| \`${name}\` | ${String(type)} | ${help} |`);
  return ["| Name | Type | What |", "| --- | --- | --- |", ...ours.sort(), ""].join("\n");
}

/** In every process that serves. A worker answers its parent's questions from now on. */
export function collectMetrics(): void {
  collectDefaultMetrics();
  if (cluster.isWorker) new AggregatorRegistry();
}

/**
 * Opened once all workers serve.
 *
 * @returns a function that gives all figures as text of Prometheus, those of workers added up
 */
export function openFigures(): () => Promise<string> {
  const workers = Object.keys(cluster.workers ?? {}).length > 0;
  const aggregator = workers ? new AggregatorRegistry() : undefined;
  return () => aggregator?.clusterMetrics() ?? register.metrics();
}

/** @returns a function that ends the listener */
export async function serveMetrics(
  address: { readonly host: string; readonly port: number },
  read: () => Promise<string>,
): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.url?.split("?", 1)[0] !== "/metrics") {
      response.writeHead(404, { "Content-Length": 0 }).end();
      return;
    }
    read().then(
      (text) => {
        const headers = {
          "Content-Type": register.contentType,
          "Content-Length": Buffer.byteLength(text),
        };
        response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : text);
      },
      () => response.writeHead(500, { "Content-Length": 0 }).end(),
    );
  });
  await listen(server, address);
  return async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
}

async function listen(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<void> {
  server.listen(port, host);
  await once(server, "listening");
}
