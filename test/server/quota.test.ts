/** A quota on a real server with workers: what does not fit is refused in words, and fits again later. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { generatedBody } from "../fixtures/body.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { eventually } from "../fixtures/eventually.ts";
import { freePort } from "../fixtures/free-port.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { pattern } from "../storage/bytes.ts";

const quota = 1_000_000;
/** What nothing references is gone a little later than this. */
const graceMs = 6_000;

describe("a server with a quota", () => {
  let scratch: string;
  let server: ServerProcess;
  let client: ClusterClient;
  let metrics: string;

  before(async () => {
    scratch = await makeScratch("quota");
    const port = await freePort();
    metrics = `http://127.0.0.1:${port}/metrics`;
    const flags = ["--workers=2", `--metrics-listen=127.0.0.1:${port}`];
    flags.push(`--limits-quota-bytes=${quota}`, `--gc-test-milliseconds=${graceMs}`);
    server = await ServerProcess.start({ directory: scratch, flags });
    client = new ClusterClient(server.url, await server.developmentCa());
  });
  after(async () => {
    await client?.close();
    await server?.stop();
    await removeScratch(scratch);
  });

  function push(bytes: Buffer) {
    const url = `${server.url}/v2/team/app/blobs/uploads/?digest=${digestOf(bytes)}`;
    return client.fetch(url, { method: "POST", body: bytes });
  }

  async function quotaCheck(): Promise<string> {
    const { checks } = await client.json<{ checks: Record<string, object> }>(
      `${server.url}/health`,
    );
    return JSON.stringify(checks["storage/quota"]);
  }

  async function figure(name: string): Promise<number> {
    const text = await (await fetch(metrics)).text();
    return Number(new RegExp(`^dcos_registry_${name} (\\S+)$`, "m").exec(text)?.[1]);
  }

  /** As of the last cycle of the collector. */
  async function storedBytes(): Promise<number> {
    const { last } = await client.json<{ last: { report: Record<string, number> } }>(
      `${server.url}/gc`,
    );
    return Number(last.report["storedBytes"]);
  }

  it("takes what fits and refuses what does not, before a byte of it is taken", async () => {
    assert.equal((await push(pattern(920_000, 1))).status, 201);
    await eventually(async () => assert.match(await quotaCheck(), /^\{"Unhealthy".*nine tenths/));
    // What came while it was counted may count twice until the next time.
    await eventually(async () => {
      const used = await figure("quota_used_bytes");
      assert.ok(used >= 920_000 && used < quota, `${used}`);
      assert.equal(await figure("quota_full"), 0.5);
      assert.ok((await storedBytes()) >= 920_000);
    });
    await eventually(async () => {
      const { status, body } = await push(pattern(2_000_000, 2));
      assert.equal(status, 507, body.toString());
      assert.match(body.toString(), /quota has room for \d+ bytes, not for 2000000/);
    });
    const added = await client.fetch(`${server.url}/package/add`, {
      method: "POST",
      headers: { "content-type": "application/x-tar" },
      body: pattern(2_000_000, 3),
    });
    assert.equal(added.status, 507);
    assert.match(added.body.toString(), /"type":"INSUFFICIENT_STORAGE".*"quotaBytes":1000000/);
  });

  it("ends an upload of unknown length at the quota, and keeps nothing of it", async () => {
    const url = await eventually(async () => {
      const uploads = `${server.url}/v2/team/app/blobs/uploads/`;
      const { status, headers } = await client.fetch(uploads, { method: "POST" });
      assert.equal(status, 202);
      return new URL(String(headers["location"]), server.url).href;
    });
    const headers = { "content-type": "application/octet-stream" };
    const body = generatedBody(8 * 1024 * 1024, 4).open(0);
    const { status, body: answer } = await client.fetch(url, { method: "PATCH", headers, body });
    assert.equal(status, 507, answer.toString());
    assert.match(answer.toString(), /quota is used up/);
    await eventually(async () => assert.ok((await figure("quota_used_bytes")) < quota));
  });

  it("has room again when the collector has freed some", async () => {
    // Not before: each worker learns a little later what the other one has written.
    await eventually(async () => assert.ok((await storedBytes()) < quota - 500_000));
    await eventually(async () => assert.equal((await push(pattern(500_000, 5))).status, 201));
    await eventually(async () => assert.match(await quotaCheck(), /^\{"Healthy"/));
    assert.ok((await storedBytes()) < quota);
    assert.ok((await figure("gc_stored_bytes")) < quota);
    assert.equal(await figure('storage_coordination{mode="directory",failed_step=""}'), 1);
  });
});
