/**
 * Protects the main job with plain Node (S3, S5, S6, S7): a package with everything in it goes from
 * its catalogue files through migrate, build and add to what Cosmos, agents and users fetch.
 */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { renderMarathon } from "../src/packages/render-marathon.ts";
import { BuildMachine } from "./fixtures/build-machine.ts";
import { Cluster } from "./fixtures/cluster.ts";
import { hasBusybox } from "./fixtures/image.ts";
import { makeTestPackage, type TestPackage } from "./fixtures/package-directory.ts";
import type { RepositoryEntry } from "./fixtures/package-references.ts";
import { makeScratch, removeScratch } from "./fixtures/scratch.ts";
import { checkServedPackage } from "./fixtures/served-package.ts";
import { outsideReferences } from "./fixtures/service-app.ts";

const skip = !hasBusybox() && "needs a busybox to put into an image";

for (const workers of ["1", "2"]) {
  describe(`a package from its files to a cluster served by ${workers}`, { skip }, () => {
    let scratch: string;
    let machine: BuildMachine;
    let cluster: Cluster;
    let made: TestPackage;
    let definition: string;
    let bundle: string;
    let entry: RepositoryEntry;

    before(async () => {
      scratch = await makeScratch("end-to-end");
      machine = await BuildMachine.create(path.join(scratch, "connected"));
      made = await makeTestPackage(scratch, machine.origin);
      definition = await machine.definition(made.directory);
      const built = await machine.bundle(definition);
      bundle = built.file;
      cluster = await Cluster.create(scratch, ["--workers", workers]);
      await cluster.add(bundle);
      entry = await cluster.entry(made.name, made.version);
    });

    after(async () => {
      await cluster?.close();
      await machine?.close();
      await removeScratch(scratch);
    });

    it("is described as Added", async () => {
      const { status, name, version } = await cluster.describe(made.name, made.version);
      assert.deepEqual({ status, name, version }, { status: "Added", name: made.name, version });
      assert.equal(version, made.version);
    });

    it("gives every file and image of /repo with the bytes they were built from", async () => {
      const resource = JSON.parse(
        await readFile(path.join(made.directory, "resource.json"), "utf8"),
      );
      const counts = await checkServedPackage(cluster.client, entry, {
        resource,
        bytesOf: (url) => made.files[url] ?? Buffer.alloc(0),
        imageOf: (reference) => made.images[reference] ?? assert.fail(reference),
      });
      assert.deepEqual(counts, { files: 10, images: 2 });
    });

    it("is taken by every generation of Cosmos", async () => {
      assert.deepEqual(await cluster.violations({ newest: { [made.name]: made.version } }), []);
    });

    it("renders, with defaults, to an app that needs nothing from outside", () => {
      const app = JSON.parse(renderMarathon(entry) ?? "");
      assert.deepEqual(outsideReferences(app, [new URL(cluster.url).host, cluster.imageHost]), []);
      const { main, sidecar } = entry.resource?.assets?.container?.docker ?? {};
      assert.equal(app.container.docker.image, main);
      assert.equal(app.env.SIDECAR_IMAGE, sidecar, "a config default that names a bundled image");
    });

    it("builds to the same bytes again, at any concurrency and without a cache", async () => {
      const first = await readFile(bundle);
      for (const concurrency of ["1", "8"]) {
        const output = path.join(scratch, `again-${concurrency}`);
        await mkdir(output);
        const flags = ["--concurrency", concurrency, "--no-cache", "--output-directory", output];
        const again = await machine.bundle(definition, flags);
        assert.ok(first.equals(await readFile(again.file)), `concurrency ${concurrency}`);
      }
    });

    it("is gone from /repo after remove, while what runs can still fetch its images", async () => {
      const which = ["--package-name", made.name, "--package-version", made.version];
      await cluster.operate("remove", [...which, "--yes"]);
      assert.deepEqual(await cluster.repository(), []);
      const resource = JSON.parse(
        await readFile(path.join(made.directory, "resource.json"), "utf8"),
      );
      await checkServedPackage(cluster.client, entry, {
        resource,
        bytesOf: (url) => made.files[url] ?? Buffer.alloc(0),
        imageOf: (reference) => made.images[reference] ?? assert.fail(reference),
      });
      await cluster.add(bundle);
      const revived = await cluster.entry(made.name, made.version);
      assert.ok(revived.releaseVersion >= entry.releaseVersion);
    });
  });
}
