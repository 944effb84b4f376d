/** T7 on a real server with workers: what its disk has damaged is found, told and healed. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { cli } from "../fixtures/cli-process.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { eventually } from "../fixtures/eventually.ts";
import { freePort } from "../fixtures/free-port.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { pattern } from "../storage/bytes.ts";

describe("a server on a damaged disk", () => {
  let scratch: string;
  let server: ServerProcess;
  let client: ClusterClient;
  let metrics: string;
  const first = pattern(100_000, 1);
  const second = pattern(100_000, 2);

  before(async () => {
    scratch = await makeScratch("scrub");
    const port = await freePort();
    metrics = `http://127.0.0.1:${port}/metrics`;
    const flags = ["--workers=2", `--metrics-listen=127.0.0.1:${port}`];
    server = await ServerProcess.start({ directory: scratch, flags });
    client = new ClusterClient(server.url, await server.developmentCa());
    for (const bytes of [first, second]) await push(bytes);
  });
  after(async () => {
    await client?.close();
    await server?.stop();
    await removeScratch(scratch);
  });

  const blobUrl = (bytes: Buffer): string => `${server.url}/v2/team/app/blobs/${digestOf(bytes)}`;

  async function push(bytes: Buffer): Promise<void> {
    const url = `${server.url}/v2/team/app/blobs/uploads/?digest=${digestOf(bytes)}`;
    const { status, body } = await client.fetch(url, { method: "POST", body: bytes });
    assert.equal(status, 201, body.toString());
  }

  /** Changes a file behind the server's back, or cuts it off. */
  async function harm(bytes: Buffer, change: (stored: Buffer) => Buffer): Promise<void> {
    const directory = path.join(scratch, "data/store/data");
    const hex = digestOf(bytes).slice("sha256:".length);
    const name = (await readdir(directory, { recursive: true })).find((one) => one.includes(hex));
    const file = path.join(directory, name ?? "");
    await writeFile(file, change(await readFile(file)));
  }

  async function expectDamaged(bytes: Buffer): Promise<void> {
    const { status, body } = await client.fetch(blobUrl(bytes));
    assert.equal(status, 404);
    assert.match(body.toString(), /"BLOB_UNKNOWN".*found damaged.*push it again/);
    assert.equal((await client.fetch(blobUrl(bytes), { method: "HEAD" })).status, 404);
  }

  async function contentCheck(): Promise<string> {
    const { checks } = await client.json<{ checks: Record<string, object> }>(
      `${server.url}/health`,
    );
    return JSON.stringify(checks["storage/content"]);
  }

  it("takes out what is cut off as soon as somebody reads it", async () => {
    await harm(first, (stored) => stored.subarray(0, 50_000));
    await assert.rejects(client.fetch(blobUrl(first)), "no part passes for the whole");
    await eventually(() => expectDamaged(first));
  });

  it("finds a flipped bit in a pass on request", async () => {
    await harm(second, (stored) => {
      stored[70_000] = (stored[70_000] ?? 0) ^ 1;
      return stored;
    });
    const { status } = await client.fetch(`${server.url}/scrub`, { method: "POST" });
    assert.equal(status, 200);
    await eventually(() => expectDamaged(second));
    await eventually(async () => {
      const { state, last, damages } = await client.json<{
        state: string;
        last?: { counts: object };
        damages: { digest: string; why: string }[];
      }>(`${server.url}/scrub`);
      assert.equal(state, "waiting");
      assert.ok(last);
      const found = damages.map(({ digest, why }) => `${digest} ${why}`).sort();
      const expected = [
        `${digestOf(first)} its data is cut off`,
        `${digestOf(second)} its bytes have another digest`,
      ];
      assert.deepEqual(found, expected.sort());
    });
  });

  it("says so in health, metrics and the log, and forgets it when it is healed", async () => {
    await eventually(async () => {
      assert.match(await contentCheck(), /^\{"Unhealthy".*to be pushed or added again.*1 more/);
    });
    const figure = async (): Promise<string | undefined> =>
      /^dcos_registry_scrub_damaged (\d+)$/m.exec(await (await fetch(metrics)).text())?.[1];
    await eventually(async () => assert.equal(await figure(), "2"));
    assert.match(server.log, /damage found in the storage/);
    for (const bytes of [first, second]) {
      await push(bytes);
      assert.ok((await client.fetch(blobUrl(bytes))).body.equals(bytes));
    }
    await eventually(async () => assert.match(await contentCheck(), /^\{"Healthy"/));
    await eventually(async () => assert.equal(await figure(), "0"));
    const trust = ["--url", server.url, "--ca", path.join(scratch, "data/tls/ca.crt")];
    const { code, stdout, stderr } = await cli(["scrub", "--wait", ...trust]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Waiting\nLast verified: \S+, 2 blob\(s\), 200/);
  });
});
