/** Ceph's S3 gateway keeps the port's contract through two gateways, and a registry on it does its job. */
import assert from "node:assert/strict";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { bucketFlags } from "../fixtures/bucket-server.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { makeImage } from "../fixtures/image.ts";
import { writeImageDirectory } from "../fixtures/image-directory.ts";
import { describePackageStory } from "../fixtures/package-story.ts";
import { output } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { S3Bucket } from "../fixtures/s3-bucket.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { describeObjectStore } from "../storage/object-store-contract.ts";

const skip = lacking(...cephPrograms, "skopeo", "busybox");

describe("a registry on Ceph", { skip }, () => {
  let ceph: Ceph;
  let bucket: S3Bucket;
  let scratch: string;

  before(async () => {
    scratch = await makeScratch("s3-ceph");
    ceph = await Ceph.start();
    bucket = await S3Bucket.create(ceph.place);
  });

  after(async () => {
    await bucket?.close();
    await ceph?.stop();
    await removeScratch(scratch);
  });

  const flags = (name: string): Promise<string[]> =>
    bucketFlags({ place: ceph.place, bucket: bucket.name, path: name, directory: scratch });

  describeObjectStore("S3 on Ceph", () => bucket.underTest());

  for (const workers of ["1", "2"]) {
    describePackageStory(`${workers} on a bucket`, false, async () => [
      ...(await flags(`story-${workers}`)),
      "--workers",
      workers,
    ]);
  }

  it("takes images from skopeo and gives them back, and says in /health who arbitrates", async () => {
    const server = await ServerProcess.start({ directory: scratch, flags: await flags("skopeo") });
    const client = await server.client();
    try {
      const { body } = await client.request({ path: "/health", method: "GET" });
      assert.match(await body.text(), /compare-and-swap: the bucket arbitrates/);
      const image = await makeImage({ format: "oci", layers: [[{ path: "a", content: "on s3" }]] });
      const local = path.join(scratch, "image");
      await writeImageDirectory(local, image);
      const target = `docker://${new URL(server.url).host}/some/image:1`;
      // Alone: beside its key skopeo would look for a client certificate.
      const trust = path.join(scratch, "trust");
      await mkdir(trust);
      await copyFile(server.developmentCaFile, path.join(trust, "ca.crt"));
      await output("skopeo", ["copy", "--dest-cert-dir", trust, `dir:${local}`, target]);
      const back = path.join(scratch, "back");
      await output("skopeo", ["copy", "--src-cert-dir", trust, target, `dir:${back}`]);
      const [sent, received] = await Promise.all(
        [local, back].map((each) => readFile(path.join(each, "manifest.json"))),
      );
      assert.deepEqual(received, sent);
    } finally {
      await client.close();
      await server.stop();
    }
  });

  it("refuses a service of another name on the same path, unless it is to take over", async () => {
    const mine = await flags("claimed");
    const start = (...more: string[]) =>
      ServerProcess.start({ directory: scratch, flags: [...mine, ...more] });
    await (await start("--service-name", "one")).stop();
    await assert.rejects(start("--service-name", "two"), /belongs to the service "one"/);
    await (await start("--service-name", "two", "--adopt-storage")).stop();
    await assert.rejects(start("--service-name", "one"), /belongs to the service "two"/);
  });
});
