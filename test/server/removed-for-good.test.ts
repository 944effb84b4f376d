/** `remove --now` on a real server: bytes of a removed package are freed, without waiting for its retention. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fixedBody } from "../fixtures/body.ts";
import { makeBundle, smallImage } from "../fixtures/bundle.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { eventually } from "../fixtures/eventually.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

interface Removal {
  readonly packages: readonly object[];
  readonly reclaim: { readonly collected: boolean; readonly freedBy: string };
}

describe("a package that is removed for good", () => {
  for (const workers of [1, 2]) {
    it(`is freed by the time that was told, ${workers} worker(s)`, async () => {
      const scratch = await makeScratch("for-good");
      const flags = [`--workers=${workers}`, "--gc-test-milliseconds=2000"];
      const server = await ServerProcess.start({ directory: scratch, flags });
      const client = new ClusterClient(server.url, await server.developmentCa());
      try {
        const bundle = await makeBundle({
          name: "hello",
          version: "1.0",
          assets: { "file.txt": fixedBody("x".repeat(20_000)) },
          images: { "docker.io/library/app:1": await smallImage("app") },
        });
        const added = await client.fetch(`${server.url}/package/add`, {
          method: "POST",
          headers: { "Content-Type": "application/x-tar" },
          body: bundle.stream(),
        });
        assert.equal(added.status, 200);
        const root = `${server.url}/v2/dcos_packages/hello/manifests/${bundle.root}`;
        assert.equal((await client.fetch(root)).status, 200);

        const { packages, reclaim } = await client.json<Removal>(`${server.url}/package/remove`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ packageName: "hello", packageVersion: "1.0", now: true }),
        });
        assert.deepEqual(packages, [{ name: "hello", version: "1.0" }]);
        assert.equal(reclaim.collected, true);
        const blob = root.replace("manifests", "blobs");
        await eventually(async () => {
          for (const url of [root, blob]) assert.equal((await client.fetch(url)).status, 404);
        });
        const late = Date.now() - Date.parse(reclaim.freedBy);
        assert.ok(late < 2_000, `${late} ms late, beside the time that cycles take`);
      } finally {
        await client.close();
        await server.stop();
        await removeScratch(scratch);
      }
    });
  }
});
