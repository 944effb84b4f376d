/**
 * What clients see while the store fails, stalls or loses answers (T5): what is known is served on,
 * writes are refused cleanly, and all is well again within ten seconds.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { before, describe, it } from "node:test";
import type { Client } from "undici";
import { digestOf } from "../../src/oci/digest.ts";
import { BucketSuite } from "../fixtures/bucket-suite.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { FaultProxy, type ProxyFault } from "../fixtures/fault-proxy.ts";
import { lacking } from "../fixtures/requirements.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const config = Buffer.from("{}");
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const recoveryMs = 10_000;

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
  readonly ms: number;
}

describe("a registry whose store has faults", { skip: lacking(...cephPrograms) }, () => {
  const suite = new BucketSuite("s3-faults", () => Ceph.start({ gateways: 1 }));
  let proxy: FaultProxy;
  let server: ServerProcess;
  let client: Client;
  let manifest: Buffer;

  before(async () => {
    proxy = await FaultProxy.start(suite.place.endpoints[0] ?? "");
    suite.atEnd(() => proxy.close());
    const flags = await suite.flags("p", proxy.url);
    const quiet = ["--scrub-interval-hours", "0"];
    server = await ServerProcess.start({ directory: suite.scratch, flags: [...flags, ...quiet] });
    suite.atEnd(async () => void (await server.stop()));
    client = await server.client();
    suite.atEnd(() => client.close());
    manifest = await pushManifest("seed");
    // Known from here on: what is to be served through faults was asked for once.
    for (const path of ["/repo", "/v2/known/manifests/seed"]) {
      assert.equal((await ask("GET", path)).status, 200);
    }
  });

  /** Without what the server asks by itself, now and then. */
  const causedByClients = () =>
    proxy.takeRequests().filter(({ target }) => !/\/scrub\?/.test(target));

  const ask = async (
    method: "GET" | "PUT" | "POST",
    path: string,
    content?: Buffer,
    type = "application/octet-stream",
  ): Promise<Answer> => {
    const begun = performance.now();
    const headers = content ? { "content-type": type } : { accept: `${manifestType}, */*` };
    const {
      statusCode,
      headers: answered,
      body,
    } = await client.request({
      method,
      path,
      headers,
      ...(content && { body: content }),
      headersTimeout: 120_000,
    });
    const bytes = Buffer.from(await body.arrayBuffer());
    return { status: statusCode, headers: answered, body: bytes, ms: performance.now() - begun };
  };

  const pushBlob = async (bytes: Buffer): Promise<Answer> => {
    const begun = await ask("POST", "/v2/known/blobs/uploads/", Buffer.alloc(0));
    if (begun.status !== 202) return begun;
    const location = String(begun.headers["location"]);
    return ask("PUT", `${location}?digest=${digestOf(bytes)}`, bytes);
  };

  const pushManifest = async (tag: string): Promise<Buffer> => {
    assert.equal((await pushBlob(config)).status, 201);
    const bytes = manifestOf(tag);
    const put = await ask("PUT", `/v2/known/manifests/${tag}`, bytes, manifestType);
    assert.equal(put.status, 201);
    return bytes;
  };

  /** What a push of something new meets while the fault lasts: refused, or come through. */
  const expectCleanWrite = async (): Promise<void> => {
    const put = await ask("PUT", "/v2/known/manifests/new", manifestOf("new"), manifestType);
    assert.equal(put.status, 503);
    assert.match(String(put.headers["retry-after"]), /^[1-9][0-9]*$/);
    assert.match(put.body.toString(), /repeat the request/);
    const large = await pushBlob(randomBytes(100_000));
    assert.equal(large.status, 503);
    assert.ok(large.headers["retry-after"]);
  };

  const expectKnownServed = async (): Promise<void> => {
    const pulled = await ask("GET", "/v2/known/manifests/seed");
    assert.equal(pulled.status, 200);
    assert.ok(pulled.body.equals(manifest));
    assert.equal((await ask("GET", "/repo")).status, 200);
    assert.equal((await ask("GET", "/health")).status, 200);
  };

  const expectRecovery = async (): Promise<void> => {
    const deadline = performance.now() + recoveryMs;
    for (;;) {
      const put = await ask("PUT", "/v2/known/manifests/new", manifestOf("new"), manifestType);
      if (put.status === 201) return;
      assert.ok(performance.now() < deadline, `still ${put.status} after ten seconds`);
    }
  };

  const faults: readonly (readonly [string, ProxyFault])[] = [
    ["answers 500", { status: 500, code: "InternalError" }],
    ["answers 503", { status: 503, code: "SlowDown" }],
    ["resets connections", "reset"],
    ["is silent", "stall"],
  ];

  for (const [name, fault] of faults) {
    it(`serves what it knows, refuses writes and recovers when the store ${name}`, async () => {
      proxy.fault = fault;
      try {
        await expectKnownServed();
        await expectCleanWrite();
        await expectKnownServed();
      } finally {
        proxy.fault = undefined;
      }
      await expectRecovery();
    });
  }

  it("writes on, each thing once, while answers to conditional writes get lost", async () => {
    let turn = 0;
    proxy.fault = ({ conditional }) => {
      if (!conditional) return undefined;
      turn += 1;
      return turn % 2 === 1 ? "lost-answer" : undefined;
    };
    try {
      for (const tag of ["a", "b", "c", "d"]) {
        const bytes = await pushManifest(tag);
        assert.ok((await ask("GET", `/v2/known/manifests/${tag}`)).body.equals(bytes));
      }
    } finally {
      proxy.fault = undefined;
    }
    const { body } = await ask("GET", "/v2/known/tags/list");
    const { tags } = JSON.parse(body.toString());
    assert.deepEqual(tags, ["a", "b", "c", "d", "new", "seed"]);
    assert.ok(turn >= 12, `${turn} conditional writes`);
  });

  it("needs no request to the store for what it knows, and few for a push", async (t) => {
    await ask("GET", "/v2/known/manifests/seed");
    proxy.takeRequests();
    await ask("GET", "/v2/known/manifests/seed");
    const warm = causedByClients();
    assert.ok(warm.length <= 1, `${warm.length} requests for a warm pull`);
    const bytes = randomBytes(1024 * 1024);
    const size = 256 * bytes.byteLength;
    const begun = await ask("POST", "/v2/known/blobs/uploads/", Buffer.alloc(0));
    const location = String(begun.headers["location"]);
    const body = Buffer.concat(Array.from({ length: 256 }, () => bytes));
    const put = await ask("PUT", `${location}?digest=${digestOf(body)}`, body);
    assert.equal(put.status, 201);
    const pushed = causedByClients();
    const parts = size / (8 * 1024 * 1024);
    const listed = pushed
      .map(({ method, target }) => `${method} ${target.slice(0, 200)}`)
      .join("\n");
    assert.ok(
      pushed.length <= parts + 8,
      `${pushed.length} requests for ${parts} parts\n${listed}`,
    );
    const pulled = await ask("GET", `/v2/known/blobs/${digestOf(body)}`);
    assert.ok(pulled.body.equals(body));
    const streamed = causedByClients();
    assert.ok(streamed.length <= 3, `${streamed.length} requests for a first pull`);
    t.diagnostic(
      `requests: ${pushed.length} for a push of ${parts} parts, ${streamed.length} for its pull, ${warm.length} for a warm one`,
    );
  });
});

function manifestOf(name: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: {
        mediaType: "application/vnd.oci.empty.v1+json",
        digest: digestOf(config),
        size: config.byteLength,
      },
      layers: [],
      annotations: { name },
    }),
  );
}
