/**
 * O4: 64 clients push and pull at once and drop their connections at random. Whatever was
 * acknowledged is there byte for byte, and no upload that was given up outlives its time.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Collector } from "../../src/registry/collector/collector.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { Documents } from "../../src/storage/documents.ts";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { eventually } from "../fixtures/eventually.ts";
import { openFiles, residentMemory } from "../fixtures/process-figures.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { sized } from "../soak.ts";
import { allKeys } from "../storage/bytes.ts";
import { Promised, RestlessClient } from "./many/restless-client.ts";
import { WireClient } from "./many/wire-client.ts";

const clients = 64;
const turns = sized(5, 80);
const hourMs = 3_600_000;
const mebibyte = 1024 * 1024;
/** 64 uploads and 64 downloads at once, in each process. */
const memoryEach = 300 * mebibyte;

for (const [position, workers] of [1, 2].entries()) {
  describe(`${clients} restless clients of ${workers} worker(s)`, () => {
    let scratch: string;
    let server: ServerProcess;
    let ca: string;
    const promised = new Promised();

    before(async () => {
      scratch = await makeScratch("many-clients");
      const flags = ["--workers", `${workers}`, "--limits-uploads-per-client", "256"];
      server = await ServerProcess.start({ directory: scratch, flags });
      ca = await server.developmentCa();
    });

    after(async () => {
      await server?.stop();
      await removeScratch(scratch);
    });

    it("get what they ask for, and the server is quiet afterwards", async (context) => {
      const quiet = openFiles(server.pid);
      const wires = Array.from({ length: clients }, () => new WireClient(server.url, ca));
      const seed = position + 1;
      await Promise.all(
        wires.map((wire, number) => new RestlessClient(wire, seed, number, promised).work(turns)),
      );
      for (const wire of wires) wire.close();
      const { all, dropped, resumed } = promised;
      const peak = Math.round(server.peakMemory() / mebibyte);
      const now = Math.round(residentMemory(server.pid) / mebibyte);
      context.diagnostic(`${all.length} acknowledged, ${dropped} dropped, ${resumed} resumed`);
      context.diagnostic(`memory ${peak} MiB at most, ${now} MiB in the end`);
      assert.ok(all.length > (clients * turns) / 4);
      assert.ok(dropped > (clients * turns) / 20 && resumed > clients / 4);
      assert.ok(server.peakMemory() < memoryEach * (workers === 1 ? 1 : workers + 1));
      await eventually(() =>
        assert.ok(openFiles(server.pid) <= quiet + 4 * workers, `${openFiles(server.pid)} files`),
      );
    });

    it("find all that was acknowledged, byte for byte", async () => {
      const left = [...promised.all];
      const check = async (wire: WireClient): Promise<void> => {
        for (let next = left.pop(); next; next = left.pop()) {
          const { path, digest, size } = next;
          const answer = await wire.exchange({ method: "GET", path });
          assert.deepEqual(
            [answer?.status, answer?.size, answer?.digest],
            [200, size, digest],
            path,
          );
        }
        wire.close();
      };
      await Promise.all([1, 2, 3, 4].map(() => check(new WireClient(server.url, ca))));
      assert.doesNotMatch(server.log, /"level":(?:50|60)/);
    });

    it("leave no upload that is older than it may be, and lose no image to its end", async () => {
      await server.stop();
      const store = await FilesystemStore.open(path.join(scratch, "data"));
      assert.ok((await allKeys(store, "session/")).length > clients / 8, "some were given up");
      let nowMs = 0;
      const ages = {
        graceMs: hourMs,
        settleMs: hourMs,
        orphanMs: hourMs,
        uploadLifeMs: 24 * hourMs,
      };
      const collector = new Collector(store, new Documents(store), { ages, clock: () => nowMs });
      const { signal } = new AbortController();
      for (let cycle = 0; cycle < 6; cycle += 1) {
        await collector.cycle({ signal });
        nowMs += 25 * hourMs;
      }
      assert.deepEqual(await allKeys(store, "session/"), []);
      const registry = openRegistry(store, { manifestLimit: mebibyte, uploadLifeMs: hourMs });
      for (const { digest } of promised.all.filter(({ path }) => path.includes("/manifests/"))) {
        const manifest = await registry.manifests.bytes(digest as never);
        const { config, layers } = JSON.parse(manifest.toString()) as Image;
        for (const part of [config, ...layers]) {
          const found = await registry.blobs.require(part.digest as never);
          assert.equal(found.size, part.size);
        }
      }
    });
  });
}

interface Image {
  readonly config: { readonly digest: string; readonly size: number };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}
