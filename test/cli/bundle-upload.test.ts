/** Protects what an upload says when it ends otherwise than by an answer after its last byte. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type UploadLimits, uploadBundle } from "../../src/cli/bundle-upload.ts";
import { ConnectionBroken, RegistryUnreachable } from "../../src/cli/network-error.ts";
import { RegistryTransport } from "../../src/cli/registry-transport.ts";
import { FakeRegistry, sendJson } from "./fake-registry.ts";

const megabyte = Buffer.alloc(1_000_000);
let registry: FakeRegistry;
let transport: RegistryTransport;

beforeEach(async () => {
  registry = await FakeRegistry.start();
  const connection = {
    url: new URL(`${registry.url}/`),
    ca: undefined,
    caFile: undefined,
    verifyCertificate: true,
    authorization: undefined,
  };
  transport = new RegistryTransport(connection, { environment: {}, userAgent: "test" });
});
afterEach(async () => {
  await transport.close();
  await registry.stop();
});

interface Source {
  readonly megabytes: number;
  readonly onEnd?: () => void;
}

function upload({ megabytes, onEnd }: Source, limits: UploadLimits = {}, signal?: AbortSignal) {
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      for (let sent = 0; sent < megabytes; sent += 1) yield megabyte;
    } finally {
      onEnd?.();
    }
  }
  const source = { size: megabytes * 1e6, start: megabyte.subarray(0, 512), chunks: chunks() };
  return uploadBundle(transport, source, limits, signal ?? new AbortController().signal);
}

describe("uploadBundle", () => {
  it("asks again by the first block when the connection breaks, and gives that answer", async () => {
    const sizes: number[] = [];
    registry.instead = (request, response) => {
      request.once("data", (chunk: Buffer) => {
        sizes.push(chunk.length);
        if (sizes.length === 1) request.socket.resetAndDestroy();
        else sendJson(response, 507, { type: "INSUFFICIENT_STORAGE", message: "full" });
      });
    };
    const answer = await upload({ megabytes: 40 });
    assert.equal(answer.status, 507);
    assert.equal(sizes[1], 512);
  });

  it("stays a broken connection when the registry then waits for the rest", async () => {
    let asked = 0;
    registry.instead = (request) => {
      asked += 1;
      if (asked === 1) request.once("data", () => request.socket.resetAndDestroy());
      else request.resume();
    };
    const failed = upload({ megabytes: 40 }, { refusalTimeoutMs: 300 });
    await assert.rejects(failed, (error) => {
      assert.ok(error instanceof ConnectionBroken);
      assert.equal(error.hint, "run the same command again");
      return true;
    });
  });

  it("says that the package may be there when the connection breaks after the last byte", async () => {
    registry.instead = (request) => {
      request.resume().on("end", () => request.socket.destroy());
    };
    const failed = upload({ megabytes: 1 }, { refusalTimeoutMs: 50 });
    await assert.rejects(failed, { hint: /^the package may have been added all the same/ });
  });

  it("gives up when the registry takes no more bytes", async () => {
    const sockets: Socket[] = [];
    registry.instead = (request) => {
      request.pause();
      sockets.push(request.socket);
    };
    const failed = upload({ megabytes: 100 }, { stallTimeoutMs: 150 });
    await assert.rejects(failed, (error) => {
      assert.ok(error instanceof RegistryUnreachable);
      assert.match(error.message, /^the registry took no byte for 0 s$/);
      return true;
    });
    assert.equal(sockets.length, 1);
  });

  it("gives up when the registry does not answer after the last byte", async () => {
    registry.instead = (request) => void request.resume();
    const failed = upload({ megabytes: 1 }, { validationTimeoutMs: 150, stallTimeoutMs: 20_000 });
    await assert.rejects(failed, { message: "the registry stopped answering" });
  });

  it("lets its source go when it is aborted", async () => {
    const aborted = new AbortController();
    const reason = new Error("enough");
    registry.instead = (request) => void request.once("data", () => aborted.abort(reason));
    const ended = new EventTarget();
    const end = once(ended, "end");
    const onEnd = () => void ended.dispatchEvent(new Event("end"));
    await assert.rejects(upload({ megabytes: 100, onEnd }, {}, aborted.signal), reason);
    await end;
  });

  it("lets its source go when the answer comes early", async () => {
    registry.instead = (_request, response) => sendJson(response, 400, { type: "x", message: "y" });
    const ended = new EventTarget();
    const end = once(ended, "end");
    const onEnd = () => void ended.dispatchEvent(new Event("end"));
    const answer = await upload({ megabytes: 100, onEnd });
    assert.equal(answer.status, 400);
    await end;
  });
});
