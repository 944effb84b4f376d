/**
 * The storage of a served registry goes from a directory to a bucket and on to another directory, while
 * clients pull all the time (T9): no pull fails, every byte stays what it was.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { Client } from "undici";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { runInProcess } from "../cli/run-in-process.ts";
import { fixedBody } from "../fixtures/body.ts";
import { bundleBytes, makeBundle } from "../fixtures/bundle.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { run } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { S3Bucket } from "../fixtures/s3-bucket.ts";
import { credentialsFile } from "../fixtures/s3-place.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot, ServerProcess } from "../fixtures/server-process.ts";
import { pattern } from "../storage/bytes.ts";

const names = ["--public-url=https://registry.example", "--image-host=registry.example:443"];
const packages = 4;

describe("storage from disk to S3 to disk", { skip: lacking(...cephPrograms) }, () => {
  let scratch: string;
  let ceph: Ceph;
  let bucket: S3Bucket;
  let env: Record<string, string>;
  let server: ServerProcess;
  let client: Client;
  let repository: string;
  /** Blobs that are pulled; each must come whole, always. */
  const blobs: Digest[] = [];

  before(async () => {
    scratch = await makeScratch("migrate-s3");
    ceph = await Ceph.start();
    bucket = await S3Bucket.create(ceph.place);
    await writeFile(path.join(scratch, "keys"), credentialsFile(ceph.place));
    env = {
      DCOS_REGISTRY_S3_ENDPOINT: ceph.place.endpoints[0] ?? "",
      DCOS_REGISTRY_S3_REGION: ceph.place.region,
      DCOS_REGISTRY_S3_CREDENTIALS_FILE: path.join(scratch, "keys"),
      DCOS_REGISTRY_S3_FORCE_PATH_STYLE: "true",
    };
    await serve("disk");
    for (let at = 0; at < packages; at += 1) await add(server, `package-${at}`, 3_000_000 + at);
    repository = await read("/repo");
  });

  after(async () => {
    await client?.close();
    await server?.stop();
    await bucket?.close();
    await ceph?.stop();
    await removeScratch(scratch);
  });

  /** The next server takes over before the last one ends, as behind a load balancer. */
  async function serve(name: string, storage?: string): Promise<void> {
    const directory = path.join(scratch, name);
    await mkdir(directory, { recursive: true });
    const next = await ServerProcess.start({
      directory,
      flags: [...names, ...(storage ? ["--storage", storage] : [])],
      env: storage?.startsWith("s3:") ? env : {},
    });
    const [oldClient, oldServer] = [client, server];
    client = await next.client();
    server = next;
    await oldClient?.close();
    await oldServer?.stop();
  }

  async function add(where: ServerProcess, name: string, size: number): Promise<number> {
    const asset = fixedBody(pattern(size, size));
    const bundle = await makeBundle({ name, assets: { "data.bin": asset } });
    const file = path.join(scratch, `${name}.dcos`);
    await writeFile(file, await bundleBytes(bundle));
    const connection = ["--url", where.url, "--ca", where.developmentCaFile];
    const options = { workingDirectory: scratch, environment: { HOME: scratch } };
    const added = await runInProcess(["add", "--dcos-file", file, ...connection], options);
    if (added.code === 0) blobs.push(digestOf(pattern(size, size)));
    return added.code;
  }

  async function read(route: string): Promise<string> {
    const { statusCode, body } = await client.request({ method: "GET", path: route });
    const text = await body.text();
    assert.equal(statusCode, 200, text);
    return text;
  }

  /** @returns how often something was pulled */
  async function pull(lane: number, stop: AbortSignal): Promise<number> {
    let pulled = 0;
    for (; !stop.aborted; pulled += 1) {
      const digest = blobs[(pulled * 3 + lane) % blobs.length] as Digest;
      const route = `/v2/dcos_packages/package-0/blobs/${digest}`;
      const { statusCode, body } = await client.request({ method: "GET", path: route });
      assert.deepEqual([statusCode, digestOf(await body.bytes())], [200, digest]);
    }
    return pulled;
  }

  /** Moves under pulls, and while packages are added, until the servers refuse them. */
  async function move(from: string, to: string): Promise<{ pulled: number; added: number }> {
    const stop = new AbortController();
    const pulling = [0, 1, 2].map((lane) => pull(lane, stop.signal));
    const main = path.join(projectRoot, "dist/src/main.js");
    const flags = ["migrate-storage", "--from", from, "--to", to, "--read-back"];
    const moving = run(process.execPath, [main, ...flags], {
      cwd: scratch,
      env: { HOME: scratch, ...env },
    });
    let added = 0;
    const size = 1_000_000 + blobs.length;
    for (let at = 0; (await add(server, `late-${blobs.length}`, size + at)) === 0; at += 1)
      added += 1;
    const { code, stdout, stderr } = await moving;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /all was compared/);
    stop.abort();
    const pulled = (await Promise.all(pulling)).reduce((sum, one) => sum + one, 0);
    repository = await read("/repo");
    return { pulled, added };
  }

  async function checkAll(): Promise<void> {
    assert.equal(await read("/repo"), repository);
    for (const digest of blobs) {
      const { body } = await client.request({
        method: "GET",
        path: `/v2/dcos_packages/package-0/blobs/${digest}`,
      });
      assert.equal(digestOf(await body.bytes()), digest);
    }
  }

  it("moves to a bucket without a failed pull", async (test) => {
    const place = `s3://${bucket.name}/moved`;
    const { pulled, added } = await move("disk/data", place);
    test.diagnostic(`${pulled} pulls, ${added} packages added meanwhile`);
    assert.ok(pulled > 0);
    await serve("bucket", place);
    await checkAll();
    assert.equal(await add(server, "in-bucket", 500_000), 0);
    repository = await read("/repo");
  });

  it("moves on to a directory without a failed pull", async (test) => {
    const { pulled, added } = await move(`s3://${bucket.name}/moved`, "again/data");
    test.diagnostic(`${pulled} pulls, ${added} packages added meanwhile`);
    assert.ok(pulled > 0);
    await serve("again");
    await checkAll();
    assert.equal(await add(server, "on-disk", 500_000), 0);
  });
});
