/**
 * Protects the registry against bad bundles (S9): each is refused with one clear error, and readers
 * see the same registry as before. The server is the real one, as its own process.
 */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { badBundles } from "./fixtures/bad-bundles.ts";
import { fixedBody } from "./fixtures/body.ts";
import { bundleBytes, makeBundle } from "./fixtures/bundle.ts";
import { cli } from "./fixtures/cli-process.ts";
import { ClusterClient } from "./fixtures/cluster-client.ts";
import { makeScratch, removeScratch } from "./fixtures/scratch.ts";
import { ServerProcess } from "./fixtures/server-process.ts";
import { type VisibleState, visibleState } from "./fixtures/visible-state.ts";

describe("bad bundles", () => {
  let scratch: string;
  let server: ServerProcess;
  let client: ClusterClient;
  let good: VisibleState;

  before(async () => {
    scratch = await makeScratch("bad-bundle");
    server = await ServerProcess.start({ directory: scratch });
    client = new ClusterClient(server.url, await server.developmentCa());
    const { status, body } = await add(await bundleBytes(await makeBundle()));
    assert.equal(status, 200, body.toString());
  });

  beforeEach(async () => {
    good = await visibleState(client, server.url);
  });

  after(async () => {
    await client?.close();
    await server?.stop();
    await removeScratch(scratch);
  });

  function add(bytes: Buffer) {
    return client.fetch(`${server.url}/package/add`, {
      method: "POST",
      headers: { "content-type": "application/x-tar" },
      body: bytes,
    });
  }

  for (const { title, bytes, message } of badBundles) {
    it(`refuses ${title}`, async () => {
      const answer = await add(await bytes());
      const text = answer.body.toString();
      assert.equal(answer.status, 400, text);
      const error = JSON.parse(text) as { type: string; message: string };
      assert.match(error.message, message);
      assert.notEqual(error.type, "unhandled_exception");
      assert.deepEqual(await visibleState(client, server.url), good);
    });
  }

  it("refuses the same version with other content, and takes the same content again", async () => {
    const same = await makeBundle();
    const other = await makeBundle({ assets: { "file.txt": fixedBody("other content") } });
    const refused = await add(await bundleBytes(other));
    assert.equal(refused.status, 409, refused.body.toString());
    assert.match(refused.body.toString(), /test-bundle 1\.0 is already in the registry/);
    assert.deepEqual(await visibleState(client, server.url), good);
    const again = await add(await bundleBytes(same));
    assert.equal(again.status, 200, again.body.toString());
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  it("are named by the command line too, before or after sending", async () => {
    const trust = ["--url", server.url, "--ca", server.developmentCaFile];
    for (const [number, bad] of badBundles.entries()) {
      const file = path.join(scratch, `bad-${number}.dcos`);
      await writeFile(file, await bad.bytes());
      const { code, stderr } = await cli(["add", "--dcos-file", file, ...trust]);
      assert.ok(code === 6 || code === 1, `${bad.title}: exit ${code}\n${stderr}`);
      assert.match(stderr, /^Error/m, bad.title);
      assert.doesNotMatch(stderr, /^\s+at .*\.js:\d+/m, "a stack is no message");
    }
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  it("says through the command line what was wrong, with an exit code of its own", async () => {
    const trust = ["--url", server.url, "--ca", server.developmentCaFile];
    const file = path.join(scratch, "lie.dcos");
    const lie = badBundles.find(({ title }) => title.startsWith("a blob that is not"));
    await writeFile(file, (await lie?.bytes()) ?? "");
    const damaged = await cli(["add", "--dcos-file", file, ...trust]);
    assert.equal(damaged.code, 6, damaged.stderr);
    assert.match(damaged.stderr, /damaged/);
    const other = await makeBundle({ assets: { "file.txt": fixedBody("other content") } });
    await writeFile(file, await bundleBytes(other));
    const conflict = await cli(["add", "--dcos-file", file, ...trust]);
    assert.equal(conflict.code, 7, conflict.stderr);
    assert.match(conflict.stderr, /already in the registry/);
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  it("forgets an upload whose client went away in the middle", async () => {
    const bundle = await makeBundle({ name: "gone", assets: { "a.bin": fixedBody("gone") } });
    const bytes = await bundleBytes(bundle);
    const { promise: halfSent, resolve } = withResolvers();
    async function* half(): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, bytes.byteLength / 2);
      resolve();
      throw new Error("the client goes away");
    }
    const upload = client.fetch(`${server.url}/package/add`, {
      method: "POST",
      headers: { "content-type": "application/x-tar" },
      body: half(),
    });
    await Promise.all([assert.rejects(upload), halfSent]);
    assert.deepEqual(await visibleState(client, server.url), good);
    const { status } = await add(bytes);
    assert.equal(status, 200);
  });

  it("has nothing half-written on its disk in the end", async () => {
    const { code } = await server.stop();
    assert.equal(code, 0);
    assert.deepEqual(await readdir(path.join(scratch, "data/staging")), []);
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
