/** Answers given again from memory: the same as made anew, and only while they would be made again. */
import assert from "node:assert/strict";
import { type IncomingMessage, request, ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { RememberedAnswers } from "../../../src/http/v2/remembered-answers.ts";
import { mediaType } from "../../../src/oci/media-type.ts";
import { DocumentCache } from "../../../src/storage/document-cache.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { contentOf, imageOf, indexOf, pushImage, repository } from "../../registry/content.ts";
import { startV2Server, type V2Server } from "./v2-server.ts";

const { ociManifest } = mediaType;
const [first, second] = [imageOf(1), imageOf(2)];
const tagged = `/v2/${repository}/manifests/latest`;
const byDigest = `/v2/${repository}/manifests/${first.manifest.digest}`;
const small = `/v2/${repository}/blobs/${first.config.digest}`;

type Headers = Readonly<Record<string, string>>;

interface Answer {
  readonly status: number | undefined;
  readonly headers: readonly string[];
  readonly body: string;
}

describe("answers that are remembered", () => {
  let now: number;
  let cache: DocumentCache;
  let remembering: V2Server;
  let forgetful: V2Server;

  const ask = async (
    { port }: V2Server,
    path: string,
    { method = "GET", headers = {} }: { method?: string; headers?: Headers } = {},
  ): Promise<Answer> => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ port, path, method, agent: false, headers: { accept: ociManifest, ...headers } })
        .on("response", resolve)
        .on("error", reject)
        .end();
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk);
    const pairs = answer.rawHeaders.flatMap((name, at, all) =>
      at % 2 === 0 && name !== "Date" ? [`${name}: ${all[at + 1]}`] : [],
    );
    const body = Buffer.concat(chunks).toString("latin1");
    return { status: answer.statusCode, headers: pairs.sort(), body };
  };
  const twice = async (path: string, how?: { method?: string; headers?: Headers }) => {
    await ask(remembering, path);
    return ask(remembering, path, how);
  };

  beforeEach(async () => {
    now = 10_000;
    const store = new MemoryStore();
    cache = new DocumentCache({ maxAgeMs: 1500, lastingAgeMs: 60_000, clock: () => now });
    remembering = await startV2Server({ store, coherence: { cache, changes: cache } });
    forgetful = await startV2Server({ store });
    await pushImage(remembering.registry, first, ["latest"]);
  });
  afterEach(async () => {
    await remembering.close();
    await forgetful.close();
  });

  for (const [what, path] of Object.entries({ tagged, byDigest, small })) {
    for (const method of ["GET", "HEAD"]) {
      it(`are the same as new ones: ${method}, ${what}`, async () => {
        assert.deepEqual(await twice(path, { method }), await ask(forgetful, path, { method }));
      });
    }
  }

  const asks: Readonly<Record<string, Headers>> = {
    "a part": { range: "bytes=1-5" },
    "parts that are nowhere": { range: "bytes=1000000-" },
    "what the client has": { "if-none-match": `"${first.manifest.digest}"` },
    "what nobody has": { "if-match": '"x"' },
    "another type": { accept: mediaType.dockerManifest },
    "a type that it has not": { accept: mediaType.ociIndex },
    anything: { accept: "*/*" },
  };
  for (const [what, headers] of Object.entries(asks)) {
    it(`are no answer to who asks for ${what}, unless it is the same`, async () => {
      const expected = await ask(forgetful, tagged, { headers });
      assert.deepEqual(await twice(tagged, { headers }), expected);
      assert.deepEqual(await ask(remembering, tagged, { headers }), expected);
    });
  }

  /** Asked twice: by then memory knows the new state, and an old answer would have its chance. */
  const digestAt = async (path: string): Promise<string | undefined> =>
    (await twice(path)).headers.find((line) => line.startsWith("Docker-Content-Digest"));

  it("follow a tag that moves", async () => {
    await twice(tagged);
    await pushImage(remembering.registry, second, ["latest"]);
    assert.match(String(await digestAt(tagged)), new RegExp(second.manifest.digest));
  });

  it("end with the manifest, and begin again with it", async () => {
    await twice(byDigest);
    await remembering.registry.manifests.delete(repository, first.manifest.digest);
    assert.equal((await ask(remembering, byDigest)).status, 404);
    assert.equal((await ask(remembering, tagged)).status, 404);
    await pushImage(remembering.registry, first, ["latest"]);
    assert.equal((await ask(remembering, byDigest)).status, 200);
  });

  it("end where the blob is hidden, and only there", async () => {
    const other = small.replace(repository, "library/other");
    await twice(small);
    await twice(other);
    await remembering.registry.hidden.hide(repository, first.config.digest);
    assert.equal((await ask(remembering, small)).status, 404);
    assert.equal((await ask(remembering, other)).status, 200);
  });

  it("notice what another instance has changed, in time", async () => {
    await twice(tagged);
    await pushImage(forgetful.registry, second, ["latest"]);
    now += 1500;
    assert.match(String(await digestAt(tagged)), new RegExp(second.manifest.digest));
  });

  it("give an index to who can read it only", async () => {
    const index = indexOf([first.manifest, second.manifest]);
    await pushImage(remembering.registry, second);
    await remembering.registry.manifests.put(repository, index, ["all"]);
    const path = `/v2/${repository}/manifests/all`;
    for (const accept of [mediaType.ociIndex, ociManifest, mediaType.ociIndex, ociManifest]) {
      const headers = { accept };
      const expected = await ask(forgetful, path, { headers });
      assert.deepEqual(await ask(remembering, path, { headers }), expected);
    }
  });

  /** @returns whether it was answered in the same turn */
  const answersAtOnce = (
    { registry }: V2Server,
    method: string,
    url: string,
    rawHeaders: readonly string[] = ["Accept", ociManifest],
  ): boolean => {
    const asked = { method, url, rawHeaders, headers: {} } as unknown as IncomingMessage;
    return new RememberedAnswers(registry).answer(asked, new ServerResponse(asked));
  };

  it("are given for what is in memory, and trusted, and not too old", async () => {
    assert.equal(answersAtOnce(remembering, "GET", tagged), false);
    for (const path of [tagged, small]) {
      await ask(remembering, path);
      assert.equal(answersAtOnce(remembering, "GET", path), true, path);
    }
    assert.equal(answersAtOnce(remembering, "HEAD", tagged), true);
    now += 1500;
    assert.equal(answersAtOnce(remembering, "GET", tagged), false);
    assert.equal(answersAtOnce(remembering, "GET", small), false, "it could have been hidden");
    await ask(remembering, tagged);
    assert.equal(answersAtOnce(remembering, "GET", tagged), true);
    cache.trustUntil(now);
    assert.equal(answersAtOnce(remembering, "GET", tagged), false);
  });

  it("are not given to who is to be promised something, or asks for more than is plain", async () => {
    for (const path of [tagged, small]) await ask(remembering, path);
    assert.equal(answersAtOnce(remembering, "HEAD", small), false);
    assert.equal(answersAtOnce(remembering, "PUT", tagged), false);
    assert.equal(answersAtOnce(remembering, "GET", `${tagged}?n=1`), false);
    const accept = ["Accept", ociManifest];
    const others = [...accept, "ACCEPT", ociManifest];
    assert.equal(answersAtOnce(remembering, "GET", tagged, others), false);
    for (const name of ["Range", "IF-NONE-MATCH", "Content-Length"]) {
      assert.equal(answersAtOnce(remembering, "GET", tagged, [...accept, name, "1"]), false, name);
    }
  });

  it("of content that is not small are left to those who stream", async () => {
    const large = contentOf(Buffer.alloc(20_000, 1));
    await remembering.registry.blobs.pushBytes(large.digest, large.bytes);
    const path = `/v2/${repository}/blobs/${large.digest}`;
    await ask(remembering, path);
    assert.equal(answersAtOnce(remembering, "GET", path), false);
    assert.equal((await ask(remembering, path)).body.length, 20_000);
  });
});
