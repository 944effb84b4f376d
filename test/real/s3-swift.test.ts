/** A store without conditions, Swift: it keeps the port's contract for one process, and no second one starts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BucketSuite } from "../fixtures/bucket-suite.ts";
import { describePackageStory } from "../fixtures/package-story.ts";
import { lacking } from "../fixtures/requirements.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { Swift, swiftPrograms } from "../fixtures/swift.ts";
import { describeObjectStore } from "../storage/object-store-contract.ts";

describe("a registry on Swift", { skip: lacking(...swiftPrograms, "busybox") }, () => {
  const suite = new BucketSuite("s3-swift", () => Swift.start());

  describeObjectStore("S3 on Swift", () => suite.bucket.underTest());

  describePackageStory("one on Swift", false, () => suite.flags("story"));

  it("refuses more than one process, more than one instance, and a second server, naming the step", async () => {
    const mine = await suite.flags("alone");
    const start = (...more: string[]) =>
      ServerProcess.start({ directory: suite.scratch, flags: [...mine, ...more] });
    const why = (consequence: string) =>
      new RegExp(
        `cannot arbitrate between writers \\(create if absent: not supported\\): ${consequence}`,
      );
    await assert.rejects(start("--workers", "2"), why("--workers must be 1"));
    await assert.rejects(start("--service-instances", "2"), why("--service-instances must be 1"));
    const first = await start();
    try {
      await assert.rejects(start(), /another server uses this bucket and path/);
      const client = await first.client();
      const { body } = await client.request({ path: "/health", method: "GET" });
      assert.match(await body.text(), /local-only: one instance, .*not supported/);
      await client.close();
    } finally {
      await first.stop();
    }
    await (await start()).stop();
    await (
      await start("--service-instances", "2", "--s3-coordination", "unsafe-single-writer")
    ).stop();
  });
});
