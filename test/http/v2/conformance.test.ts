/**
 * Every rule of the distribution specification that we know of, over real sockets, through both
 * entries of the server, and with a memory of what was read. Protects all clients at once.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DocumentCache } from "../../../src/storage/document-cache.ts";
import { play } from "./play.ts";
import { allScripts } from "./scripts/all.ts";
import { startV2Server, type V2Server, type V2ServerOptions } from "./v2-server.ts";

const places: Readonly<Record<string, () => V2ServerOptions>> = {
  "through the listener": () => ({ entry: "listener" }),
  "through express": () => ({ entry: "express" }),
  "from memory": () => {
    const cache = new DocumentCache({ maxAgeMs: Number.POSITIVE_INFINITY });
    return { coherence: { cache, changes: cache } };
  },
};

for (const [place, options] of Object.entries(places)) {
  describe(`distribution API, ${place}`, () => {
    let server: V2Server;

    before(async () => {
      server = await startV2Server(options());
    });

    after(() => server.close());

    for (const [position, script] of allScripts.entries()) {
      it(script.title, async () => {
        await play(script, server.port, `conformance/script-${position}`);
        assert.deepEqual(server.faults, []);
      });
    }
  });
}
