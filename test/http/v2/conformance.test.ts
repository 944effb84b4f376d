/**
 * Every rule of the distribution specification that we know of, over real sockets, through both
 * entries of the server. Protects all clients at once.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { play } from "./play.ts";
import { allScripts } from "./scripts/all.ts";
import { entries, startV2Server, type V2Server } from "./v2-server.ts";

for (const entry of entries) {
  describe(`distribution API, through ${entry}`, () => {
    let server: V2Server;

    before(async () => {
      server = await startV2Server({ entry });
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
