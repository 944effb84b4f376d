/** Protects T4 on a disk: the collector beside load, over HTTP, with one and two processes. */
import assert from "node:assert/strict";
import path from "node:path";
import { describe, it } from "node:test";
import { Pool } from "undici";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { sized } from "../soak.ts";
import { loadBesideCollector, restlessCollector } from "./load-beside-collector.ts";

/** Requests of both tests together. */
const operations = Number(process.env["GC_OPERATIONS"] ?? sized(20_000, 100_000));

describe("garbage collection beside clients", () => {
  for (const workers of ["1", "2"]) {
    it(`shows no client anything, ${workers} worker(s)`, async (context) => {
      const directory = await makeScratch("gc-load");
      const flags = ["--workers", workers, ...restlessCollector];
      const server = await ServerProcess.start({ directory, flags });
      const connect = { ca: await server.developmentCa() };
      const pool = new Pool(server.url, { connections: 16, connect });
      try {
        const store = await FilesystemStore.open(path.join(directory, "data"));
        const load = { operations: operations / 2, seed: Number(workers) };
        context.diagnostic(await loadBesideCollector({ pools: [pool], store, ...load }));
        assert.equal(server.log, "", "nothing to warn of");
      } finally {
        await pool.close();
        await server.stop();
        await removeScratch(directory);
      }
    });
  }
});
