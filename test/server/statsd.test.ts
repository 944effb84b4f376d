/** Protects what DC/OS' metrics are told by StatsD: the documented names, no tags, and nothing unasked. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { loadConfig } from "../../src/config.ts";
import { datagrams } from "../../src/server/statsd.ts";
import { StatsdLines } from "../../src/server/statsd-lines.ts";
import { eventually } from "../fixtures/eventually.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { StatsdCollector } from "../fixtures/statsd-collector.ts";

const figures = (requests: number, seconds: number, retries: number): string => `
# HELP dcos_registry_http_x Requests {a="b"} 3
# TYPE dcos_registry_http_x histogram
dcos_registry_http_x_bucket{le="1",method="GET"} ${requests}
dcos_registry_http_x_bucket{le="+Inf",method="GET"} ${requests}
dcos_registry_http_x_sum{method="GET"} ${seconds}
dcos_registry_http_x_count{method="GET"} ${requests}
# TYPE dcos_registry_retries_total counter
dcos_registry_retries_total{operation="Put Object|#:\\"x\\""} ${retries}
# TYPE dcos_registry_state gauge
dcos_registry_state -1
# TYPE dcos_registry_mode gauge
dcos_registry_mode{mode="directory",failed_step=""} 1
# TYPE dcos_registry_none gauge
dcos_registry_none NaN
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 7
`;
const retriesName = "dcos_registry_retries_total.Put_Object_x_";
const always = [
  "dcos_registry_state:0|g",
  "dcos_registry_state:-1|g",
  "dcos_registry_mode.directory:1|g",
];

describe("lines for StatsD", () => {
  it("tell counters by what was added, histograms by number and mean, gauges as they are", () => {
    const lines = new StatsdLines();
    assert.deepEqual(lines.next(figures(4, 1, 2)), [
      "dcos_registry_http_x_count.GET:4|c",
      "dcos_registry_http_x_mean.GET:0.250000|g",
      `${retriesName}:2|c`,
      ...always,
    ]);
    assert.deepEqual(lines.next(figures(6, 4, 2)), [
      "dcos_registry_http_x_count.GET:2|c",
      "dcos_registry_http_x_mean.GET:1.500000|g",
      ...always,
    ]);
    assert.deepEqual(lines.next(figures(6, 4, 2)), always);
  });

  it("count nothing twice when a worker takes its share along", () => {
    const lines = new StatsdLines();
    lines.next(figures(9, 9, 9));
    assert.deepEqual(lines.next(figures(5, 5, 5)), always);
    assert.equal(lines.next(figures(6, 5, 5))[0], "dcos_registry_http_x_count.GET:1|c");
  });

  it("are put together to what fits into a packet", () => {
    const lines = Array.from({ length: 100 }, (_, index) => `${"n".repeat(90)}:${index}|g`);
    const sent = datagrams(lines);
    assert.deepEqual(sent.join("\n").split("\n"), lines);
    assert.ok(sent.length < 10 && sent.every(({ length }) => length <= 1400));
    assert.deepEqual([datagrams([]), datagrams(["x".repeat(2000)]).length], [[], 1]);
  });
});

describe("the address of StatsD", () => {
  const statsdOf = (host: string, port: string) =>
    loadConfig([], { STATSD_UDP_HOST: host, STATSD_UDP_PORT: port }).statsd;

  it("is the one that DC/OS injects, or none", () => {
    assert.deepEqual(statsdOf("198.51.100.1", "8125"), { host: "198.51.100.1", port: 8125 });
    assert.deepEqual(statsdOf("fd01::1", "1"), { host: "fd01::1", port: 1 });
    for (const [host, port] of [
      ["198.51.100.1", ""],
      ["", "8125"],
      ["a b", "8125"],
      ["198.51.100.1", "0"],
      ["198.51.100.1", "65536"],
      ["198.51.100.1", "8125x"],
    ] as const) {
      assert.equal(statsdOf(host, port), undefined, `${host} ${port}`);
    }
  });
});

for (const workers of [1, 2]) {
  describe(`a server in a task of DC/OS, ${workers} worker(s)`, () => {
    const count = 25;
    let scratch: string;
    let collector: StatsdCollector;

    before(async () => {
      scratch = await makeScratch("statsd");
      collector = await StatsdCollector.start();
      const server = await ServerProcess.start({
        directory: scratch,
        flags: ["--workers", String(workers), "--log-level=debug"],
        env: collector.environment,
      });
      const client = await server.client();
      const headers = { authorization: "Bearer secret-of-a-user" };
      for (let index = 0; index < count; index += 1) {
        await (await client.request({ method: "GET", path: "/health", headers })).body.dump();
      }
      await (await client.request({ method: "GET", path: "/nothing" })).body.dump();
      await client.close();
      await server.stop();
    });
    after(async () => {
      await collector.close();
      await removeScratch(scratch);
    });

    it("sends its figures once more when it ends, all workers added up", async () => {
      const name = "dcos_registry_http_request_duration_seconds_count.GET";
      await eventually(async () => assert.equal(collector.total(`${name}.2xx`), count), 5000);
      assert.equal(collector.total(`${name}.4xx`), 1);
      assert.ok(
        collector.lines.some((line) => /^dcos_registry_storage_free_bytes:\d+\|g$/.test(line)),
      );
    });

    it("sends documented names only, without tags and without secrets", async () => {
      const page = await readFile(new URL("../../../CONTRIBUTING.md", import.meta.url), "utf8");
      for (const line of collector.lines) {
        assert.match(line, /^[a-z0-9_]+(?:\.[\w-]+)*:-?\d+(?:\.\d+)?\|[cg]$/);
        const name = /^[a-z0-9_]+/.exec(line)?.[0] ?? "";
        const documented = [name, name.replace(/_(?:count|mean)$/, "")];
        assert.ok(
          documented.some((one) => page.includes(`| \`${one}\` |`)),
          line,
        );
      }
      assert.doesNotMatch(collector.lines.join("\n"), /secret|Bearer/);
    });
  });
}
