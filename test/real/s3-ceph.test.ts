/** Ceph's S3 gateway keeps the port's contract through two gateways, and a registry on it does its job. */
import assert from "node:assert/strict";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";
import { BucketSuite } from "../fixtures/bucket-suite.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { makeImage } from "../fixtures/image.ts";
import { writeImageDirectory } from "../fixtures/image-directory.ts";
import { describePackageStory } from "../fixtures/package-story.ts";
import { output } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { describeObjectStore } from "../storage/object-store-contract.ts";

const skip = lacking(...cephPrograms, "skopeo", "busybox");

describe("a registry on Ceph", { skip }, () => {
  const suite = new BucketSuite("s3-ceph", () => Ceph.start());

  describeObjectStore("S3 on Ceph", () => suite.bucket.underTest());

  for (const workers of ["1", "2"]) {
    describePackageStory(`${workers} on a bucket`, false, async () => [
      ...(await suite.flags(`story-${workers}`)),
      "--workers",
      workers,
    ]);
  }

  it("takes images from skopeo and gives them back, and says in /health who arbitrates", async () => {
    const { scratch } = suite;
    const flags = await suite.flags("skopeo");
    const server = await ServerProcess.start({ directory: scratch, flags });
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
    const mine = await suite.flags("claimed");
    const start = (...more: string[]) =>
      ServerProcess.start({ directory: suite.scratch, flags: [...mine, ...more] });
    await (await start("--service-name", "one")).stop();
    await assert.rejects(start("--service-name", "two"), /belongs to the service "one"/);
    await (await start("--service-name", "two", "--adopt-storage")).stop();
    await assert.rejects(start("--service-name", "one"), /belongs to the service "two"/);
  });
});
