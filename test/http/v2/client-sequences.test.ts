/**
 * The very requests of real clients, old and new, through both entries of the server: what they send,
 * byte for byte, and what they cannot do without in the answers. Protects clients that CI cannot run.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { containerdSequences } from "./clients/containerd.ts";
import { containersImageSequences } from "./clients/containers-image.ts";
import { dockerSequences } from "./clients/docker.ts";
import type { ClientSequence } from "./clients/image.ts";
import { librarySequences } from "./clients/libraries.ts";
import { checkAlways, checkExpectation } from "./play.ts";
import { entries, startV2Server } from "./v2-server.ts";
import { Wire } from "./wire.ts";

const sequences: readonly ClientSequence[] = [
  ...dockerSequences,
  ...containerdSequences,
  ...containersImageSequences,
  ...librarySequences,
];

for (const entry of entries) {
  describe(`sequences of clients, through ${entry}`, () => {
    for (const [position, { title, steps }] of sequences.entries()) {
      it(title, async () => {
        // Of its own: what one client has pushed would not be missing for the next.
        const server = await startV2Server({ entry });
        const wire = new Wire(server.port);
        try {
          await converse(wire, steps, `clients/sequence-${position}`);
          assert.deepEqual(server.faults, []);
        } finally {
          wire.close();
          await server.close();
        }
      });
    }
  });
}

async function converse(wire: Wire, steps: ClientSequence["steps"], name: string): Promise<void> {
  const known = new Map([
    ["name", name],
    ["name%", encodeURIComponent(name)],
    ["other", `${name}/other`],
    ["other%", encodeURIComponent(`${name}/other`)],
  ]);
  const fill = (text: string): string =>
    text.replace(/\{([\w%]+)\}/g, (whole, key: string) => known.get(key) ?? whole);
  for (const [position, { lines, body, chunked, expect, keep }] of steps.entries()) {
    const filled = lines.map(fill);
    const what = `step ${position + 1}, ${filled[0]?.slice(0, 200)}`;
    const answer = await wire.ask(filled, body ?? Buffer.alloc(0), chunked);
    const isHead = filled[0]?.startsWith("HEAD ");
    checkExpectation(what, answer, expect, fill);
    if (!isHead) checkAlways(what, answer);
    if (keep) known.set(keep.as, String(answer.headers[keep.header]));
  }
}
