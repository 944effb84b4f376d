/**
 * Three servers on one bucket behind a front where nothing is sticky: they answer as one, also while
 * they are killed.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { runInProcess } from "../cli/run-in-process.ts";
import { fixedBody } from "../fixtures/body.ts";
import { BucketInstances } from "../fixtures/bucket-instances.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { eventually } from "../fixtures/eventually.ts";
import { here, output } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { S3Bucket } from "../fixtures/s3-bucket.ts";
import { random } from "../random.ts";
import { sized } from "../soak.ts";
import { collect, pattern } from "../storage/bytes.ts";
import { type Answer, FickleClient } from "./instances/client.ts";
import { config, Load, packagesIn, repository } from "./instances/load.ts";

const count = 3;
const writers = 50;
const operations = sized(10, 2000);
/** Few enough for writers to meet, many enough for most not to write in vain. */
const tags = sized(12, 40);
const kills = sized(4, 100);
/** How late another instance may answer. */
const staleMs = 2000;

const skip = lacking(...cephPrograms, "dockerd", "docker", "tar");

describe("three instances on one bucket", { skip }, () => {
  let ceph: Ceph;
  let bucket: S3Bucket;
  let instances: BucketInstances;
  let client: FickleClient;

  const ask = (...[method, at, asked]: Parameters<FickleClient["ask"]>): Promise<Answer> =>
    client.ask(method, new URL(String(at), instances.url), asked);
  const onEach = (at: string): Promise<Answer[]> =>
    Promise.all(instances.urls.map((url) => client.ask("GET", `${url}${at}`)));
  const push = async (bytes: Buffer, pieces: number): Promise<string> => {
    const post = await ask("POST", `/v2/${repository}/blobs/uploads/`);
    let location = String(post.headers["location"]);
    const size = Math.ceil(bytes.length / pieces);
    for (let start = 0; start < bytes.length; start += size) {
      const body = bytes.subarray(start, start + size);
      const headers = { "content-range": `${start}-${start + body.length - 1}` };
      const patch = await ask("PATCH", location, { headers, body });
      assert.equal(patch.status, 202, patch.body.toString());
      location = String(patch.headers["location"]);
    }
    const put = await ask("PUT", `${location}?digest=${digestOf(bytes)}`);
    assert.equal(put.status, 201, put.body.toString());
    return digestOf(bytes);
  };

  before(async () => {
    ceph = await Ceph.start();
    bucket = await S3Bucket.create(ceph.place);
    instances = await BucketInstances.start(bucket, count, ["--s3-cache-bytes", "100000000"]);
    client = new FickleClient(instances.ca);
    await push(config, 1);
  });
  after(async () => {
    await client?.close();
    await instances?.stop();
    await bucket?.close();
    await ceph?.stop();
  });

  it("continue an upload that another one has begun", async () => {
    const bytes = pattern(5_000_000, 3);
    const digest = await push(bytes, 7);
    for (const { status, body } of await onEach(`/v2/${repository}/blobs/${digest}`)) {
      assert.equal(status, 200);
      assert.ok(body.equals(bytes));
    }
  });

  it("show a package that one of them was given, in the same bytes", async () => {
    const bundle = await collect((await makeBundle({ name: "shown", version: "1" })).stream());
    const headers = { "content-type": "application/x-tar" };
    const added = await ask("POST", "/package/add", { headers, body: bundle });
    assert.equal(added.status, 200, added.body.toString());
    const answers = await eventually(async () => {
      const all = await onEach("/repo");
      for (const { body } of all) assert.ok(packagesIn(body).has("shown 1"));
      assertEqual(all);
      return all;
    }, staleMs);
    const [asset = ""] =
      /https:\/\/[^"]+\/resources\/[^"]+/.exec(answers[0]?.body.toString() ?? "") ?? [];
    for (const { status } of await onEach(new URL(asset).pathname)) assert.equal(status, 200);
  });

  it("read each object once for all who pull it at the same time", async () => {
    const bytes = pattern(6 * 1024 * 1024, 5);
    const segments = 2;
    const digest = await push(bytes, segments);
    for (const [at, url] of instances.urls.entries()) {
      const before = await instances.reads(at);
      const pulls = Array.from({ length: 20 }, () =>
        client.ask("GET", `${url}/v2/${repository}/blobs/${digest}`),
      );
      for (const { body } of await Promise.all(pulls)) assert.ok(body.equals(bytes));
      assert.equal((await instances.reads(at)) - before, segments);
    }
  });

  it("take a bundle from the command line, blob by blob", async () => {
    const ca = path.join(instances.scratch, "ca.pem");
    const file = path.join(instances.scratch, "large.dcos");
    await writeFile(ca, instances.ca);
    const asset = fixedBody(pattern(70_000_000, 11));
    const bundle = await makeBundle({ name: "large", version: "1", assets: { "data.bin": asset } });
    await writeFile(file, bundle.stream());
    const to = ["--url", instances.url, "--ca", ca];
    const added = await runInProcess(["add", "--dcos-file", file, ...to]);
    assert.equal(added.code, 0, added.stderr);
    await eventually(async () => {
      for (const { body } of await onEach("/repo")) assert.ok(packagesIn(body).has("large 1"));
    }, staleMs);
  });

  it("serve dockerd, which pushes through all of them and pulls", async () => {
    const directory = path.join(instances.scratch, "docker");
    await mkdir(directory);
    await writeFile(path.join(directory, "file"), randomBytes(3_000_000));
    const layer = path.join(directory, "layer.tar");
    await output("tar", ["-cf", layer, "-C", directory, "file"]);
    const daemon = await DockerDaemon.start(here, path.join(directory, "daemon"));
    try {
      const name = `127.0.0.1:${instances.front.port}/team/image:1`;
      await daemon.output(["import", layer, name]);
      await daemon.output(["push", name]);
      await daemon.output(["image", "rm", name]);
      await daemon.output(["pull", name]);
    } finally {
      await daemon.stop();
    }
  });

  it("lose no tag and no package while they are killed, and are never later than two seconds", async (test) => {
    const urls = { front: instances.url, instances: instances.urls };
    const load = new Load(client, urls, random(operations), tags);
    let left = writers * operations;
    const write = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await load.step();
      }
    };
    const dice = random(7);
    const kill = async (): Promise<void> => {
      for (let done = 0; done < kills && left > 0; done += 1) {
        const victim = dice.integer(0, count - 1);
        await instances.kill(victim);
        await instances.startOne(victim);
      }
    };
    const started = performance.now();
    await Promise.all([kill(), ...Array.from({ length: writers }, write)]);
    const seconds = Math.round((performance.now() - started) / 1000);
    test.diagnostic(
      `${writers * operations} operations in ${seconds} s: ${JSON.stringify(load.counts)}`,
    );
    for (const [name, history] of [...load.tags, ...load.packages]) {
      assert.deepEqual(history.faults(staleMs), [], name);
    }
    assert.ok(load.counts.done > (writers * operations) / 10, JSON.stringify(load.counts));

    for (const [tag, history] of load.tags) {
      const final = await eventually(async () => {
        const all = await onEach(`/v2/${repository}/manifests/${tag}`);
        const digests = new Set(all.map(namedBy));
        assert.equal(digests.size, 1, `${tag} names ${[...digests]}`);
        return [...digests][0];
      }, staleMs);
      assert.ok(history.possible.includes(final), `${tag} names ${final}`);
    }
    const index = await eventually(async () => assertEqual(await onEach("/repo")), staleMs);
    const shown = packagesIn(index);
    for (const [key, history] of load.packages) {
      const value = shown.has(key) ? "here" : undefined;
      assert.ok(history.possible.includes(value), `${key} is ${value ?? "not shown"}`);
    }
  });
});

/** @returns the body that all have */
function assertEqual(answers: readonly Answer[]): Buffer {
  const [first] = answers.map(({ body }) => body);
  assert.ok(first && answers.every(({ body }) => body.equals(first)), "all answer the same bytes");
  return first;
}

function namedBy({ status, headers }: Answer): string | undefined {
  return status === 200 ? String(headers["docker-content-digest"]) : undefined;
}
