/**
 * Manifest PUTs with conditions, from many clients at once, at a server of two processes: exactly one
 * of them wins, and the tag names what the winner was told.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Client, Dispatcher } from "undici";
import { makeScratch, removeScratch } from "../../fixtures/scratch.ts";
import { ServerProcess } from "../../fixtures/server-process.ts";
import { configBytes, digestOf, imageManifest, layerBytes, type Pushable } from "./content.ts";

const writers = 12;
const rounds = 5;

describe("writers of one tag with conditions, at two workers", () => {
  let scratch: string;
  let server: ServerProcess;
  /** One connection each, so that the workers share them. */
  let clients: Client[];

  before(async () => {
    scratch = await makeScratch("conditional-race");
    const flags = ["--workers", "2", "--log-level", "debug"];
    server = await ServerProcess.start({ directory: scratch, flags });
    clients = await Promise.all(Array.from({ length: writers }, () => server.client()));
    for (const bytes of [configBytes, layerBytes]) {
      const { statusCode } = await ask(0, {
        method: "POST",
        path: `/v2/race/image/blobs/uploads/?digest=${digestOf(bytes)}`,
        body: bytes,
      });
      assert.equal(statusCode, 201);
    }
  });

  after(async () => {
    await Promise.all((clients ?? []).map((client) => client.close()));
    await server?.stop();
    await removeScratch(scratch);
  });

  async function ask(at: number, request: Dispatcher.RequestOptions) {
    const { statusCode, headers, body } = (await clients[at]?.request(request)) ?? assert.fail();
    await body.dump();
    return { statusCode, headers };
  }

  /** All of them at once, each with content of its own. @returns the one that was accepted */
  async function race(tag: string, condition: Readonly<Record<string, string>>): Promise<Pushable> {
    const pushed = clients.map((_, writer) =>
      imageManifest({ annotations: { tag, writer: String(writer), ...condition } }),
    );
    const answers = await Promise.all(
      pushed.map(({ type, bytes }, at) =>
        ask(at, {
          method: "PUT",
          path: `/v2/race/image/manifests/${tag}`,
          headers: { "content-type": type, ...condition },
          body: bytes,
        }),
      ),
    );
    const statuses = answers.map(({ statusCode }) => statusCode);
    assert.deepEqual(
      [...statuses].sort(),
      [201, ...Array.from({ length: writers - 1 }, () => 412)],
      "one is accepted, all others are refused",
    );
    return pushed[statuses.indexOf(201)] ?? assert.fail();
  }

  /** By every connection, so by both workers. */
  async function expectTag(tag: string, { digest }: Pushable): Promise<void> {
    const path = `/v2/race/image/manifests/${tag}`;
    const read = await Promise.all(clients.map((_, at) => ask(at, { method: "HEAD", path })));
    const named = new Set(read.map(({ headers }) => headers["docker-content-digest"]));
    assert.deepEqual([...named], [digest]);
  }

  it("makes a tag once, with If-None-Match: *", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const tag = `made-${round}`;
      await expectTag(tag, await race(tag, { "if-none-match": "*" }));
    }
  });

  it("moves a tag once from each state, with If-Match", async () => {
    let current = await race("moved", { "if-none-match": "*" });
    for (let round = 0; round < rounds; round += 1) {
      current = await race("moved", { "if-match": `"${current.digest}"` });
      await expectTag("moved", current);
    }
  });

  it("makes a deleted tag again once", async () => {
    await race("again", { "if-none-match": "*" });
    for (let round = 0; round < rounds; round += 1) {
      const { statusCode } = await ask(round % writers, {
        method: "DELETE",
        path: "/v2/race/image/manifests/again",
      });
      assert.equal(statusCode, 202);
      await expectTag("again", await race("again", { "if-none-match": "*" }));
    }
  });

  it("was answered by both workers", async () => {
    await server.waitForLog(/"worker":1,.*"path":"\/v2\/race\//);
    await server.waitForLog(/"worker":2,.*"path":"\/v2\/race\//);
  });
});
