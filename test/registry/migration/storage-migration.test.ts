/** Moving a registry to another store: whole, resumable, beside writers, and never silently short. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Digest } from "../../../src/oci/digest.ts";
import { layout } from "../../../src/registry/layout.ts";
import { cancelMigration } from "../../../src/registry/migration/cancel-migration.ts";
import {
  expectWhole,
  MigrationRefused,
  type MovingOut,
} from "../../../src/registry/migration/move-state.ts";
import type { MigrationProgress } from "../../../src/registry/migration/storage-migration.ts";
import { openRegistry, type Registry } from "../../../src/registry/registry.ts";
import { Documents } from "../../../src/storage/documents.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { ScriptedStore } from "../../storage/scripted-store.ts";
import {
  closeClean,
  type OpenStore,
  openFilesystem,
  openMemory,
  type StoreUnderTest,
} from "../../storage/store-under-test.ts";
import { CollectorByHand } from "../collector-by-hand.ts";
import {
  contentOf,
  elsewhere,
  type ImageParts,
  imageOf,
  large,
  pushContent,
  pushImage,
  readBlob,
  repository,
} from "../content.ts";
import { contentsOf, migration, registryOptions, serverOn } from "./moved-registry.ts";

const pairs: readonly [string, OpenStore, OpenStore][] = [
  ["memory to disk", openMemory, openFilesystem],
  ["disk to memory", openFilesystem, openMemory],
];

for (const [name, openSource, openTarget] of pairs) {
  describe(`migration of storage, ${name}`, () => {
    let opened: readonly [StoreUnderTest, StoreUnderTest];
    let source: ObjectStore;
    let target: ObjectStore;
    let server: Registry;

    beforeEach(async () => {
      opened = [await openSource(), await openTarget()];
      [source, target] = [opened[0].store, opened[1].store];
      server = serverOn(opened[0].sibling);
    });
    afterEach(async () => {
      for (const store of opened) await closeClean(store);
    });

    const moved = () => openRegistry(target, registryOptions);

    async function movingOut(): Promise<MovingOut | undefined> {
      return (await new Documents(source).read<MovingOut>(layout.movingOut))?.value;
    }

    it("copies everything byte for byte, and no tombstone", async () => {
      const images = [1, 2, 3].map((seed) => imageOf(seed));
      for (const [at, image] of images.entries())
        await pushImage(server, image, [`v${at}`, "latest"]);
      const [first, second] = images;
      await server.manifests.untag(repository, "v1");
      await server.manifests.delete(repository, first?.manifest.digest as Digest);
      await server.hidden.hide(elsewhere, second?.config.digest as Digest);
      const garbage = large(99);
      await pushContent(server, garbage);
      const collector = new CollectorByHand(source);
      await collector.condemn(garbage.digest);
      await collector.collect(garbage.digest);

      const before = await contentsOf(source);
      const report = await migration(source, target).run();

      const dropped = [...before.keys()].filter((key) =>
        [layout.record(garbage.digest), "tag/library!app/v0", "tag/library!app/v1"].some((one) =>
          key.startsWith(one),
        ),
      );
      assert.equal(dropped.length, 5, "a record, two tags and their hints");
      for (const key of dropped) before.delete(key);
      const twin = (await server.documents.read<{ twin: Digest }>(linkOf(first)))?.value.twin;
      before.delete(layout.link(repository, twin as Digest));
      assert.deepEqual(await contentsOf(target), before);
      assert.deepEqual([report.now, report.damaged], [true, []]);
      assert.deepEqual((await moved().tags.list(repository, "", 10)).tags, ["latest", "v2"]);
    });

    it("refuses writes at the old place from then on, and reads go on there", async () => {
      const image = imageOf(1);
      await pushImage(server, image, ["v1"]);
      await migration(source, target).run();
      await assert.rejects(server.tags.write(repository, "v2", image.manifest.digest), {
        code: "UNAVAILABLE",
      });
      const found = await server.manifests.find(repository, { tag: "v1" });
      assert.equal(found.digest, image.manifest.digest);
      assert.equal((await movingOut())?.state, "moved");
    });

    it("does nothing when run again, so what was written at the new place stays", async () => {
      await pushImage(server, imageOf(1), ["v1"]);
      await migration(source, target).run();
      await moved().tags.write(repository, "new", imageOf(1).manifest.digest);
      const report = await migration(source, target).run();
      assert.equal(report.now, false);
      assert.deepEqual((await moved().tags.list(repository, "", 10)).tags, ["new", "v1"]);
    });

    it("keeps every acknowledged write of busy servers, and tells of every other", async () => {
      await pushImage(server, imageOf(1));
      const kept: Digest[] = [];
      const refusals: unknown[] = [];
      const pace = new Pace();
      let begun: () => void = () => undefined;
      const started = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const writer = async (seed: number): Promise<void> => {
        const own = serverOn(opened[0].sibling);
        for (let round = 0; ; round += 1) {
          const image = imageOf(1000 * seed + round);
          await pace.reached(50 * round);
          try {
            await pushImage(own, image, [`w${seed}-${round % 5}`]);
            kept.push(image.manifest.digest);
            if (kept.length === 4) begun();
          } catch (error) {
            return void refusals.push(error);
          }
        }
      };
      const writers = [1, 2, 3, 4].map(writer);
      await started;
      const onProgress = ({ phase }: MigrationProgress) => pace.step(phase === "copy");
      await migration(source, target, { onProgress }).run();
      await Promise.all(writers);
      for (const error of refusals) assert.equal((error as { code?: string }).code, "UNAVAILABLE");
      for (const digest of kept) await moved().manifests.find(repository, { digest });
      for (const seed of [1, 2, 3, 4])
        await moved().manifests.find(repository, { tag: `w${seed}-0` });
    });

    it("does not acknowledge what lands behind the freeze, however long it was under way", async () => {
      const image = imageOf(1);
      await pushImage(server, image, ["v1"]);
      const slow = new ScriptedStore(opened[0].sibling);
      const late = slow.hold("save", /^tag\//);
      const writing = serverOn(slow).tags.write(repository, "late", image.manifest.digest);
      const outcome = assert.rejects(writing, { code: "UNAVAILABLE" });
      await late.arrived;
      await migration(source, target).run();
      await late.proceed();
      await outcome;
      assert.equal(await moved().tags.read(repository, "late"), undefined);
    });

    it("follows what changes between its passes: collected, moved and deleted", async () => {
      const [stays, goes] = [large(1), large(2)];
      await pushContent(server, stays);
      await pushContent(server, goes);
      const image = imageOf(3);
      await pushImage(server, image, ["gone", "kept"]);
      const stop = new AbortController();
      const broken = migration(source, target, {
        signal: stop.signal,
        onProgress: ({ phase }) => phase === "final" && stop.abort(),
      });
      await assert.rejects(broken.run(), { name: "AbortError" });

      const collector = new CollectorByHand(source);
      await collector.condemn(goes.digest);
      await collector.collect(goes.digest);
      const again = serverOn(opened[0].sibling);
      await again.manifests.untag(repository, "gone");
      await collector.condemn(stays.digest);
      await collector.collect(stays.digest);
      await pushContent(again, stays); // under a new key

      await migration(source, target).run();
      assert.deepEqual((await moved().tags.list(repository, "", 9)).tags, ["kept"]);
      assert.deepEqual(await readBlob(moved().blobs, stays.digest), stays.bytes);
      const data = [...(await contentsOf(target)).keys()].filter((key) => key.startsWith("data/"));
      const wanted = [...(await contentsOf(source)).keys()].filter((key) =>
        key.startsWith("data/"),
      );
      assert.deepEqual(data, wanted);
    });

    it("refuses a target that holds something else, and begins nothing", async () => {
      await pushContent(server, contentOf("a"));
      await pushContent(openRegistry(target, registryOptions), contentOf("b"));
      await assert.rejects(migration(source, target).run(), /new is not empty/);
      assert.equal(await movingOut(), undefined);
    });

    it("refuses a second place while one is being filled, and the place of another", async () => {
      await pushContent(server, contentOf("a"));
      const stop = AbortSignal.abort();
      await assert.rejects(migration(source, target, { signal: stop }).run());
      await assert.rejects(
        migration(source, target, { to: "third" }).run(),
        /is being moved to new/,
      );
      const other = (await openMemory()).store;
      await pushContent(openRegistry(other, registryOptions), contentOf("b"));
      const foreign = migration(other, target, { from: "other" });
      await assert.rejects(foreign.run(), /new is being filled from old/);
    });

    it("refuses a source without a registry", async () => {
      await assert.rejects(migration(source, target).run(), /old holds no registry/);
    });

    it("keeps servers from starting on a target that is not complete", async () => {
      await pushContent(server, contentOf("a"));
      const documents = new Documents(target);
      await expectWhole(documents);
      await assert.rejects(migration(source, target, { signal: AbortSignal.abort() }).run());
      await assert.rejects(expectWhole(documents), MigrationRefused);
      await migration(source, target).run();
      await expectWhole(documents);
    });

    it("gives up before the freeze over content that is damaged, and leaves it behind when told", async () => {
      const [good, bad, inline] = [large(1), large(2), contentOf("small")];
      for (const content of [good, bad, inline]) await pushContent(server, content);
      await damage(source, layout.record(bad.digest));
      await assert.rejects(
        migration(source, target).run(),
        (error: Error) =>
          error instanceof MigrationRefused && error.message.includes(bad.digest.slice(7)),
      );
      assert.equal((await movingOut())?.state, "copying");
      const report = await migration(source, target, { skipDamaged: true }).run();
      assert.deepEqual(
        report.damaged.map(({ key }) => key),
        [layout.record(bad.digest)],
      );
      assert.deepEqual(await readBlob(moved().blobs, good.digest), good.bytes);
      await assert.rejects(moved().blobs.open(bad.digest), { code: "BLOB_UNKNOWN" });
    });

    it("can be cancelled until it is complete", async () => {
      const image = imageOf(1);
      await pushImage(server, image);
      await assert.rejects(cancelMigration(source, target), /no migration to cancel/);
      await assert.rejects(migration(source, target, { signal: AbortSignal.abort() }).run());
      await new Documents(source).update<MovingOut>(
        layout.movingOut,
        (current) => current && { ...current, state: "frozen" },
      );
      await assert.rejects(serverOn(source).tags.write(repository, "a", image.manifest.digest));
      await cancelMigration(source, target);
      await serverOn(source).tags.write(repository, "a", image.manifest.digest);
      await migration(source, target).run();
      await assert.rejects(cancelMigration(source, target), /may be in use/);
      assert.equal(await moved().tags.read(repository, "a"), image.manifest.digest);
    });
  });
}

/** Only in memory: each is hundreds of migrations, and the dead do not clean up. */
describe("migration of storage that is broken off", () => {
  let source: ObjectStore;
  let target: ObjectStore;
  let server: Registry;

  beforeEach(() => {
    [source, target] = [new MemoryStore(), new MemoryStore()];
    server = serverOn(source);
  });

  it("goes on where it was broken off", async () => {
    const images = [1, 2, 3, 4].map((seed) => imageOf(seed));
    for (const [at, image] of images.entries()) await pushImage(server, image, [`v${at}`]);
    const whole = await contentsOf(source);
    let copied = 0;
    for (let stopAt = 1; ; stopAt += 3) {
      const stop = new AbortController();
      const onProgress = ({ documents, phase }: { documents: number; phase: string }) => {
        if (documents >= stopAt && phase !== "done") stop.abort();
      };
      const options = { signal: stop.signal, onProgress, concurrency: 1 };
      const report = await migration(source, target, options)
        .run()
        .catch(() => undefined);
      if (report) break;
      copied += 1;
      await server.tags.write(repository, "v0", images[0]?.manifest.digest as Digest); // taken again
    }
    assert.ok(copied > 3, `was broken off ${copied} times`);
    assert.deepEqual(await contentsOf(target), whole);
  });

  it("can be ended by death at any request, and goes on", async () => {
    await pushImage(server, imageOf(1), ["v1"]);
    const whole = await contentsOf(source);
    for (let lives = 1; lives < 400; lives += 7) {
      const [dying, dyingTarget] = mortal(source, target, lives);
      const report = await migration(dying, dyingTarget)
        .run()
        .catch(() => undefined);
      if (report) break;
    }
    await migration(source, target).run();
    assert.deepEqual(await contentsOf(target), whole);
  });
});

/** Lets writers write as fast as a migration copies, and without measure once it has frozen them. */
class Pace {
  #steps = 0;
  #free = false;
  readonly #waiting = new Map<() => void, number>();

  step(measured: boolean): void {
    this.#steps += 1;
    this.#free ||= !measured;
    for (const [go, steps] of this.#waiting) {
      if (!this.#free && steps > this.#steps) continue;
      this.#waiting.delete(go);
      go();
    }
  }

  async reached(steps: number): Promise<void> {
    await setImmediate(); // in memory nothing else would get its turn
    if (this.#free || steps <= this.#steps) return;
    await new Promise<void>((go) => this.#waiting.set(go, steps));
  }
}

function linkOf(image: ImageParts | undefined): string {
  return layout.link(repository, image?.manifest.digest as Digest);
}

/** Both stores fail for ever after a number of requests, as they do for a process that was killed. */
function mortal(one: ObjectStore, other: ObjectStore, requests: number) {
  let left = requests;
  const dying = (inner: ObjectStore): ObjectStore => {
    const store = new ScriptedStore(inner);
    store.gate((request) => {
      left -= 1;
      if (left > 0) void request.proceed();
      else void request.refuse(new Error("dead"));
    });
    return store;
  };
  return [dying(one), dying(other)] as const;
}

/** Puts other bytes of the same length in place of a blob's data. */
async function damage(store: ObjectStore, record: string): Promise<void> {
  const value = (
    await new Documents(store).read<{ segments: { key: string; size: number }[] }>(record)
  )?.value;
  const [segment] = value?.segments ?? [];
  assert.ok(segment);
  await store.delete(segment.key);
  const staged = await store.stage(segment.key);
  await staged.append(Buffer.alloc(segment.size, 7));
  await staged.commit();
}
