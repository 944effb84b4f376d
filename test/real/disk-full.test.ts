/**
 * S9 and T6: a disk that fills up while a package is added or an image pushed. The client is told in
 * words, readers see what they saw before, removing goes on, and where room appears it is used.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, rm, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fixedBody, generatedBody } from "../fixtures/body.ts";
import { bundleBytes, makeBundle } from "../fixtures/bundle.ts";
import { cli } from "../fixtures/cli-process.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { eventually } from "../fixtures/eventually.ts";
import { freePort } from "../fixtures/free-port.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { writeServerCertificate } from "../fixtures/server-certificate.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { smallDisk } from "../fixtures/small-disk.ts";
import { type VisibleState, visibleState } from "../fixtures/visible-state.ts";

const skip = lacking("unshare", "mount");
const mebibyte = 1024 * 1024;

describe("a full disk", { skip }, () => {
  let scratch: string;
  let server: ServerProcess;
  let client: ClusterClient;
  let caFile: string;
  let metrics: string;
  let good: VisibleState;

  before(async () => {
    scratch = await makeScratch("disk-full");
    await mkdir(path.join(scratch, "data"));
    const place = smallDisk(path.join(scratch, "data"), 64);
    const { ca, flags: trust } = await writeServerCertificate(scratch);
    caFile = path.join(scratch, "ca.crt");
    await writeFile(caFile, ca);
    const metricsPort = await freePort();
    metrics = `http://127.0.0.1:${metricsPort}/metrics`;
    const flags = [...trust, "--workers=2", `--metrics-listen=127.0.0.1:${metricsPort}`];
    server = await ServerProcess.start({ directory: scratch, place, flags });
    client = new ClusterClient(server.url, ca);
    const { status, body } = await add(await bundleBytes(await makeBundle()));
    assert.equal(status, 200, body.toString());
    good = await visibleState(client, server.url);
  });

  after(async () => {
    await client?.close();
    await server?.stop();
    await removeScratch(scratch);
  });

  function add(bytes: Buffer) {
    return client.fetch(`${server.url}/package/add`, {
      method: "POST",
      headers: { "content-type": "application/x-tar" },
      body: bytes,
    });
  }

  it("refuses a package that does not fit, with exit code 8, and shows nothing of it", async () => {
    const assets = { "large.bin": generatedBody(100 * mebibyte, 1) };
    const file = path.join(scratch, "large.dcos");
    await writeFile(file, await bundleBytes(await makeBundle({ name: "large", assets })));
    const trust = ["--url", server.url, "--ca", caFile];
    const { code, stderr } = await cli(["add", "--dcos-file", file, ...trust]);
    assert.equal(code, 8, stderr);
    assert.match(stderr, /space|storage|full/i);
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  async function startUpload(): Promise<string> {
    const url = `${server.url}/v2/team/large/blobs/uploads/`;
    const started = await client.fetch(url, { method: "POST" });
    assert.equal(started.status, 202, started.body.toString());
    return new URL(String(started.headers["location"]), server.url).href;
  }

  async function refusedChunk(body: Buffer | AsyncIterable<Buffer>): Promise<string> {
    const headers = { "content-type": "application/octet-stream" };
    const answer = await client.fetch(await startUpload(), { method: "PATCH", headers, body });
    assert.equal(answer.status, 507, answer.body.toString());
    assert.match(answer.body.toString(), /"errors":\[\{"code":/);
    return answer.body.toString();
  }

  /** The disk is in a mount namespace of the server's; /proc leads into it. */
  function onDisk(...names: string[]): string {
    return path.join("/proc", String(server.pid), "root", scratch, "data", ...names);
  }

  it("refuses a pushed blob that grows until nothing is left, in the registry's words", async () => {
    assert.match(await refusedChunk(generatedBody(100 * mebibyte, 2).open(0)), /floor|full/);
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  it("refuses what is announced and cannot fit before it takes a byte", async () => {
    const body = Buffer.alloc(60 * mebibyte, "x");
    assert.match(await refusedChunk(body), /has room for \d+ bytes, not for 62914560/);
    const { status, body: answer } = await add(body);
    assert.equal(status, 507, answer.toString());
    assert.match(answer.toString(), /"type":"INSUFFICIENT_STORAGE".*"announcedBytes":62914560/);
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  it("gives the room back that refused content took", async () => {
    assert.deepEqual(await readdir(onDisk("staging")), []);
    const { blocks, bavail } = await statfs(onDisk());
    assert.ok(bavail / blocks > 0.9, `${bavail} of ${blocks} blocks are free`);
  });

  it("takes a smaller package afterwards", async () => {
    const assets = { "small.bin": fixedBody("small enough") };
    const { status, body } = await add(
      await bundleBytes(await makeBundle({ name: "fits", assets })),
    );
    assert.equal(status, 200, body.toString());
  });

  describe("that reached its floor", () => {
    const filler = () => onDisk("filler");
    const health = async (): Promise<string> =>
      (await client.fetch(`${server.url}/health`)).body.toString();
    const figure = async (name: string): Promise<number> => {
      const text = await (await fetch(metrics)).text();
      return Number(new RegExp(`^dcos_registry_storage_${name} (\\S+)$`, "m").exec(text)?.[1]);
    };

    /** Leaves so many mebibytes free; the floor of this disk is at 6.4. */
    async function leave(mebibytes: number): Promise<void> {
      await rm(filler(), { force: true });
      const { bavail, bsize } = await statfs(onDisk());
      await writeFile(filler(), Buffer.alloc(bavail * bsize - mebibytes * mebibyte));
    }

    it("warns in health and metrics before it does", async () => {
      assert.match(await health(), /"storage\/space":\{"Healthy"/);
      assert.equal(await figure("full"), 0);
      await leave(9);
      await eventually(async () => {
        assert.match(await health(), /"storage\/space":\{"Unhealthy":\{"message":"Little space/);
        assert.equal(await figure("full"), 0.5);
      });
      assert.ok((await figure("floor_bytes")) < 9 * mebibyte);
      assert.ok((await figure("free_bytes")) <= 9 * mebibyte);
    });

    it("refuses every push and addition, and nothing is written", async () => {
      await leave(3);
      await eventually(async () => assert.match(await health(), /floor is reached/));
      assert.equal(await figure("full"), 1);
      const before = await visibleState(client, server.url);
      const uploads = `${server.url}/v2/team/large/blobs/uploads/`;
      const refused = [
        await client.fetch(uploads, { method: "POST" }),
        await client.fetch(`${uploads}?digest=sha256:${"0".repeat(64)}`, {
          method: "POST",
          body: "x",
        }),
        await client.fetch(`${server.url}/v2/team/large/manifests/v1`, {
          method: "PUT",
          headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" },
          body: "{}",
        }),
        await add(await bundleBytes(await makeBundle({ name: "refused" }))),
      ];
      for (const { status, body } of refused) {
        assert.equal(status, 507, body.toString());
        assert.match(body.toString(), /free-space floor; remove packages or add space/);
      }
      assert.deepEqual(await visibleState(client, server.url), before);
    });

    it("goes on reading and removing, down to the last block", async () => {
      await leave(0);
      const { body } = await client.fetch(`${server.url}/repo`);
      assert.match(body.toString(), /"name":"fits"/);
      await leave(1);
      const removed = await client.fetch(`${server.url}/package/remove`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ packageName: "fits", packageVersion: "1.0" }),
      });
      assert.equal(removed.status, 200, removed.body.toString());
      assert.doesNotMatch(
        (await client.fetch(`${server.url}/repo`)).body.toString(),
        /"name":"fits"/,
      );
    });

    it("takes packages again as soon as there is room", async () => {
      await rm(filler());
      const bytes = await bundleBytes(await makeBundle({ name: "later" }));
      await eventually(async () => {
        const { status, body } = await add(bytes);
        assert.equal(status, 200, body.toString());
      });
      assert.match(await health(), /"storage\/space":\{"Healthy"/);
      assert.deepEqual(await readdir(onDisk("staging")), []);
    });
  });
});
