/** Two instances that remember what they read: late by a bounded time, and never with a refusal. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import { mediaType } from "../../../src/oci/media-type.ts";
import type { Registry } from "../../../src/registry/registry.ts";
import { DocumentCache } from "../../../src/storage/document-cache.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { imageOf, pushImage, repository } from "../../registry/content.ts";
import { startV2Server, type V2Server } from "./v2-server.ts";

const maxAgeMs = 1500;

describe("two instances that remember", () => {
  let now: number;
  let here: V2Server;
  let there: V2Server;
  const [first, second] = [imageOf(1), imageOf(2)];

  const start = (store: MemoryStore): Promise<V2Server> => {
    const cache = new DocumentCache({ maxAgeMs, clock: () => now });
    return startV2Server({ store, coherence: { cache, changes: cache } });
  };
  const ask = (server: V2Server, path: string, accept: string = mediaType.ociManifest) =>
    fetch(`http://127.0.0.1:${server.port}/v2/${repository}/${path}`, { headers: { accept } });
  const named = async (server: V2Server, accept?: string): Promise<string | null> => {
    const answer = await ask(server, "manifests/latest", accept);
    await answer.arrayBuffer();
    return answer.headers.get("docker-content-digest");
  };
  const twinOf = async (registry: Registry, digest: Digest): Promise<string | undefined> =>
    (await registry.manifests.find(repository, { digest })).link.twin;

  beforeEach(async () => {
    now = 10_000;
    const store = new MemoryStore();
    here = await start(store);
    there = await start(store);
    await pushImage(here.registry, first, ["latest"]);
    assert.equal(await named(there), first.manifest.digest);
  });
  afterEach(async () => {
    await here.close();
    await there.close();
  });

  it("are late by no more than they may", async () => {
    await pushImage(here.registry, second, ["latest"]);
    assert.equal(await named(here), second.manifest.digest);
    assert.equal(await named(there), first.manifest.digest);
    now += maxAgeMs;
    assert.equal(await named(there), second.manifest.digest);
  });

  it("do not refuse a tag because what it named a moment ago is gone", async () => {
    await pushImage(here.registry, second, ["latest"]);
    await here.registry.manifests.delete(repository, first.manifest.digest);
    // The other one remembers the tag and its image, but has never read the image's equivalent.
    const twin = await twinOf(here.registry, second.manifest.digest);
    assert.equal(await named(there, mediaType.dockerManifest), twin);
  });

  it("show at once what was not there before", async () => {
    assert.equal((await ask(there, "manifests/next")).status, 404);
    await pushImage(here.registry, second, ["next"]);
    assert.equal((await ask(there, "manifests/next")).status, 200);
    assert.equal((await ask(there, `blobs/${digestOf("later")}`)).status, 404);
    await here.registry.blobs.pushBytes(digestOf("later"), Buffer.from("later"));
    assert.equal((await ask(there, `blobs/${digestOf("later")}`)).status, 200);
  });

  it("show at once what is not hidden any more", async () => {
    const { digest } = first.config;
    await here.registry.hidden.hide(repository, digest);
    assert.equal((await ask(there, `blobs/${digest}`)).status, 404);
    await here.registry.hidden.reveal(repository, new Set([digest]));
    assert.equal((await ask(there, `blobs/${digest}`)).status, 200);
  });

  it("serve the bytes of a blob that was collected and pushed again under another key", async () => {
    const [, large] = first.layers;
    assert.ok(large);
    await (await ask(there, `blobs/${large.digest}`)).arrayBuffer();
    const { documents, blobs } = here.registry;
    const record = await blobs.fence(large.digest);
    assert.ok(record && "segments" in record.value);
    const { segments = [] } = record.value;
    const last = segments.map(({ key }) => key);
    await documents.replace(record as never, { value: { state: "gone", last } as never });
    await blobs.discard(segments);
    await blobs.push(large.digest, large.body());
    const answer = await ask(there, `blobs/${large.digest}`);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(large.bytes));
  });
});
