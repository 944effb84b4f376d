/**
 * The scripts of the conformance tests against Debian's docker-registry: the same requests, the
 * answers compared. Whatever differs has a name and a reason in distribution-deviations.ts.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Program } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { type Difference, differences } from "../http/v2/differences.ts";
import { allScripts } from "../http/v2/scripts/all.ts";
import { startV2Server, type V2Server } from "../http/v2/v2-server.ts";
import { deviations, explains, isAt, placesOf } from "./distribution-deviations.ts";

const skip = lacking("docker-registry");

describe("answers beside Debian's docker-registry", { skip }, () => {
  let scratch: string;
  let theirs: Program;
  let port: number;
  let ours: V2Server;
  const used = new Set<string>();

  before(async () => {
    scratch = await makeScratch("differential");
    ours = await startV2Server();
    ({ program: theirs, port } = await startDistribution(scratch));
  });

  after(async () => {
    await theirs?.stop();
    await ours?.close();
    await removeScratch(scratch);
  });

  for (const [position, script] of allScripts.entries()) {
    it(`differ in nothing unexplained: ${script.title}`, async () => {
      const ports = { ours: ours.port, theirs: port };
      const found = await differences(script, `differential/script-${position}`, ports);
      const unexplained = found.filter((difference) => !explain(difference));
      assert.deepEqual(unexplained, []);
    });
  }

  it("have no explanation that explains nothing", () => {
    const named = deviations.flatMap((deviation) => [
      deviation.name,
      ...placesOf(deviation).map(({ name }) => name),
    ]);
    assert.deepEqual(
      named.filter((name) => !used.has(name)),
      [],
    );
  });

  function explain(difference: Difference): boolean {
    const found = deviations.filter((deviation) => explains(deviation, difference));
    for (const deviation of found) {
      used.add(deviation.name);
      const places = placesOf(deviation).filter(({ place }) => isAt(place, difference));
      for (const { name } of places) used.add(name);
    }
    return found.length > 0;
  }
});

async function startDistribution(scratch: string): Promise<{ program: Program; port: number }> {
  const config = {
    version: "0.1",
    log: { level: "info" },
    storage: {
      filesystem: { rootdirectory: path.join(scratch, "registry") },
      delete: { enabled: true },
    },
    http: { addr: "127.0.0.1:0" },
  };
  const file = path.join(scratch, "registry.json");
  await writeFile(file, JSON.stringify(config));
  const program = new Program("docker-registry", ["serve", file]);
  const [, port] = await program.waitFor("stderr", /listening on 127\.0\.0\.1:(\d+)/);
  return { program, port: Number(port) };
}
