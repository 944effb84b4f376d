/**
 * Malformed and nearly valid requests over every route, through both entries: each gets one proper
 * answer, and what they had no right to change is the same afterwards. Protects every client from
 * one bad neighbour.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { sized } from "../../soak.ts";
import { entries, startV2Server } from "../v2/v2-server.ts";
import { asker, repeated, runFuzz } from "./run.ts";
import { buildWorld } from "./world.ts";

/** A run that never gets past the first check says nothing. */
const reached = [200, 201, 202, 204, 206, 304, 400, 403, 404, 405, 412, 413, 416];
const requests = sized(4_000, 100_000);

for (const [position, entry] of entries.entries()) {
  describe(`requests under fuzz, through ${entry}`, () => {
    it("get one proper answer each, and harm nobody", async (context) => {
      const server = await startV2Server({ entry });
      const dial = async () => {
        const socket = connect(server.port, "127.0.0.1");
        await once(socket, "connect");
        return socket;
      };
      try {
        const world = await buildWorld(asker(dial), [["Host", "localhost"]]);
        const seed = repeated.seed ?? position + 1;
        const plan = { connect: dial, seed, requests, rawShapes: requests / 25 };
        const { failures, statuses } = await runFuzz(plan, world);
        context.diagnostic(JSON.stringify([...statuses].sort()));
        assert.deepEqual(failures, [], failures.join("\n"));
        for (const status of reached) assert.ok(statuses.has(status), `no request got ${status}`);
        assert.deepEqual(server.faults, []);
      } finally {
        await server.close();
      }
    });
  });
}
