/**
 * An upload session that was forgotten must not come to life again: a collector that has not noticed
 * would forget it a second time, in the middle of its upload, and with it what it has announced.
 *
 * The random walk lost a blob that way, once in fifty walks. Here it is step by step, with the clock
 * that both the id and the collectors go by.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import { openRegistry } from "../../src/registry/registry.ts";
import { UploadUnknown } from "../../src/registry/registry-errors.ts";
import { allKeys } from "../storage/bytes.ts";
import { CollectorUnderTest } from "./collector-under-test.ts";
import { large, noBody, readBlob, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const blob = large(1);
const uploadLifeMs = 100;
const ages = { uploadLifeMs, orphanMs: 50 };

describeRegistry("a session that ended", (tested) => {
  it("cannot lose the blob of a second life to a collector that forgets it twice", async () => {
    let now = 0;
    const clock = () => now;
    const { store, options } = tested().here;
    const { uploads } = openRegistry(store, { ...options, uploadLifeMs, now: clock });
    const stalls = new CollectorUnderTest(tested().store, { ages, clock });
    const goesOn = new CollectorUnderTest(tested().store, { ages, clock });
    const id = await uploads.start(repository);
    const send = () => uploads.append(repository, id, { body: blob.body() });
    await send();
    await uploads.cancel(repository, id);
    for (const collector of [stalls, goesOn]) await collector.cycle();

    now = uploadLifeMs; // the last moment at which the id is good
    const forgetting = stalls.store.hold("delete", /^session\//);
    const stalled = stalls.cycle();
    await Promise.race([forgetting.arrived, stalled]);
    await goesOn.cycle();
    const lives = await send().then(() => true, unlessOver);
    if (lives) {
      const publishing = store.hold("save", /^rec\//);
      const finished = uploads.finish(repository, id, blob.digest, { body: noBody(), length: 0 });
      await publishing.arrived; // announced in a session that is now forgotten again
      await forgetting.proceed();
      await stalled;
      await goesOn.cycle();
      now += ages.orphanMs;
      await goesOn.cycle();
      await publishing.proceed();
      await finished;
      assert.ok((await readBlob(tested().there.blobs, blob.digest)).equals(blob.bytes));
    }
    await stalled;
    now = 2 * uploadLifeMs; // nobody has the id any more
    await goesOn.cycle();
    assert.deepEqual(await allKeys(tested().store, "session/"), []);
    assert.equal(await send().then(() => true, unlessOver), false);
  });

  it("cannot lose the blob of an upload whose first request of all lands behind its end", async () => {
    let now = 0;
    const clock = () => now;
    const { store, options } = tested().here;
    const { uploads } = openRegistry(store, { ...options, uploadLifeMs, now: clock });
    const collector = new CollectorUnderTest(tested().store, { ages, clock });
    const id = await uploads.start(repository);
    const creating = store.hold("save", /^session\//);
    const sent = uploads.append(repository, id, { body: blob.body() });
    const repeated = store.hold("save", /^session\//);
    const land = await creating.delay(); // the same bytes, so the same version, as its repetition
    await repeated.proceed();
    const advancing = store.hold("save", /^session\//);
    await advancing.arrived;
    for (now = 0; now <= uploadLifeMs + ages.orphanMs; now += ages.orphanMs) {
      await collector.cycle();
    }
    await land();
    await advancing.proceed();
    if ((await sent.then(() => true, unlessOver)) === false) return;
    now = uploadLifeMs;
    await uploads.finish(repository, id, blob.digest, { body: noBody(), length: 0 });
    assert.ok((await readBlob(tested().there.blobs, blob.digest)).equals(blob.bytes));
  });
});

function unlessOver(error: unknown): false {
  assert.ok(error instanceof UploadUnknown);
  return false;
}
