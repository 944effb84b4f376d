/** Several workers of one server: each answers what any of them has acknowledged, whatever hangs or dies. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { Agent, request } from "undici";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { processTree } from "../fixtures/program.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const count = 3;
/** Connections go to the workers in turn, so that many reach all of them. */
const readers = 12;

describe("several workers", () => {
  let directory: string;
  let server: ServerProcess;
  let ca: string;
  let config: Buffer;

  const call = async (agent: Agent, method: string, path: string, body?: Buffer | string) => {
    const options = { dispatcher: agent, method: method as "GET", ...(body && { body }) };
    const headers = { "content-type": mediaType.ociManifest };
    const answer = await request(`${server.url}${path}`, { ...options, headers });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };
  const connection = (): Agent => new Agent({ connect: { ca }, connections: 1 });
  const manifest = (text: string): string =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.ociManifest,
      artifactType: "application/vnd.test",
      config: { mediaType: "application/json", size: config.length, digest: digestOf(config) },
      layers: [],
      annotations: { text },
    });
  const put = async (agent: Agent, text: string): Promise<Digest> => {
    const body = manifest(text);
    const { status } = await call(agent, "PUT", "/v2/app/manifests/latest", body);
    assert.equal(status, 201);
    return digestOf(body);
  };
  const seen = async (agents: readonly Agent[]): Promise<string[]> => {
    const answers = await Promise.all(
      agents.map((agent) => call(agent, "GET", "/v2/app/manifests/latest")),
    );
    return [...new Set(answers.map(({ headers }) => String(headers["docker-content-digest"])))];
  };
  const workers = (): number[] => processTree(server.pid).filter((pid) => pid !== server.pid);

  before(async () => {
    directory = await makeScratch("workers");
    server = await ServerProcess.start({ directory, flags: ["--workers", String(count)] });
    ca = await server.developmentCa();
    config = Buffer.from("{}");
    const agent = connection();
    const post = await call(agent, "POST", "/v2/app/blobs/uploads/");
    const place = `${post.headers["location"]}?digest=${digestOf(config)}`;
    assert.equal((await call(agent, "PUT", place, config)).status, 201);
    await agent.close();
  });
  after(async () => {
    for (const pid of workers()) process.kill(pid, "SIGCONT");
    await server.stop();
    await removeScratch(directory);
  });

  it("show every tag as soon as it is moved", async () => {
    const agents = Array.from({ length: readers }, connection);
    for (let turn = 0; turn < 20; turn += 1) {
      const digest = await put(agents[turn % readers] as Agent, `turn ${turn}`);
      assert.deepEqual(await seen(agents), [digest]);
    }
    await Promise.all(agents.map((agent) => agent.close()));
  });

  it("do not answer what is old after they were stopped, and nobody waits for them long", async () => {
    const agents = Array.from({ length: readers }, connection);
    await seen(agents);
    const [stopped = 0] = workers();
    process.kill(stopped, "SIGSTOP");
    // Only those connections answer that belong to the others.
    const alive: Agent[] = [];
    const probes = agents.map((agent) =>
      call(agent, "GET", "/v2/app/manifests/latest").then(() => alive.push(agent)),
    );
    await Promise.race(probes);
    const started = performance.now();
    const digest = await put(alive[0] as Agent, "while one was stopped");
    assert.ok(performance.now() - started < 10_000);
    process.kill(stopped, "SIGCONT");
    await Promise.all(probes);
    assert.deepEqual(await seen(agents), [digest]);
    await Promise.all(agents.map((agent) => agent.close()));
  });

  it("go on when one of them is killed", async () => {
    const [victim = 0] = workers();
    process.kill(victim, "SIGKILL");
    const agents = Array.from({ length: readers }, connection);
    const retried = async (): Promise<Digest> => {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await put(agents[attempt] as Agent, "after one was killed");
        } catch (error) {
          if (attempt === 5) throw error;
        }
      }
    };
    const digest = await retried();
    const fresh = Array.from({ length: readers }, connection);
    assert.deepEqual(await seen(fresh), [digest]);
    await Promise.all([...agents, ...fresh].map((agent) => agent.destroy()));
  });

  it("end with a parent that is refused the storage, before they have served", async () => {
    // No other process names this address, so that its workers are found without it.
    const listen = "127.0.0.7:0";
    const flags = ["--workers", String(count), "--listen", listen];
    await assert.rejects(ServerProcess.start({ directory, flags }), /is in use by another server/);
    assert.deepEqual(processesNaming(listen), []);
  });
});

/** Ids of processes with this argument. */
function processesNaming(argument: string): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^[0-9]+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").includes(argument);
    } catch {
      return false; // it has ended
    }
  });
}
