/**
 * What a connection costs the server process while nothing moves on it: idle, in the middle of an
 * upload, in the middle of a download. And that all of it is given back.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, describe, it } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { eventually } from "../fixtures/eventually.ts";
import { openFiles, residentMemory } from "../fixtures/process-figures.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { digestOf } from "./many/restless-client.ts";
import { WireClient } from "./many/wire-client.ts";

const mebibyte = 1024 * 1024;
const blob = Buffer.alloc(32 * mebibyte, "large ");
const path = `/v2/many/connections/blobs/${digestOf(blob)}`;

/** Bytes of memory that one may cost. */
const kinds = [
  { what: "idle", count: 400, most: 0.15 * mebibyte },
  { what: "a stalled download", count: 300, most: 0.6 * mebibyte },
  // Each has a buffer in which small pieces are gathered, and the limit bounds their number.
  { what: "a stalled upload", count: 60, most: 1.5 * mebibyte },
] as const;

describe("a connection on which nothing moves", () => {
  let scratch: string;
  let server: ServerProcess;
  let dial: () => Promise<TLSSocket>;

  beforeEach(async () => {
    scratch = await makeScratch("connections");
    server = await ServerProcess.start({ directory: scratch });
    const ca = await server.developmentCa();
    const { port } = new URL(server.url);
    dial = async () => {
      const socket = connect({ host: "127.0.0.1", port: Number(port), ca });
      socket.on("error", () => {});
      await once(socket, "secureConnect");
      return socket;
    };
    const client = new WireClient(server.url, ca);
    const start = `/v2/many/connections/blobs/uploads/?digest=${digestOf(blob)}`;
    const pushed = await client.exchange({ method: "POST", path: start, body: blob });
    assert.equal(pushed?.status, 201);
    assert.equal((await client.exchange({ method: "GET", path }))?.size, blob.byteLength);
    client.close();
  });

  afterEach(async () => {
    await server?.stop();
    await removeScratch(scratch);
  });

  const begin: Readonly<Record<string, (socket: TLSSocket) => Promise<unknown>>> = {
    idle: async () => {},
    "a stalled download": async (socket) => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      await once(socket, "readable");
    },
    "a stalled upload": async (socket) => {
      socket.write("POST /v2/many/connections/blobs/uploads/ HTTP/1.1\r\nHost: 127.0.0.1\r\n");
      socket.write("Content-Length: 0\r\n\r\n");
      const [answer] = (await once(socket, "data")) as [Buffer];
      const location = /^location: (.*)\r$/im.exec(answer.toString())?.[1];
      socket.write(`PATCH ${location} HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n`);
      socket.write(`Content-Length: ${blob.byteLength}\r\n\r\n`);
      await once(socket, "data");
      socket.write(blob.subarray(0, 200_000));
    },
  };

  for (const { what, count, most } of kinds) {
    it(`costs little: ${what}`, async (context) => {
      const before = residentMemory(server.pid);
      const files = openFiles(server.pid);
      const sockets: TLSSocket[] = [];
      for (let opened = 0; opened < count; opened += 1) {
        const socket = await dial();
        sockets.push(socket);
        await begin[what]?.(socket);
      }
      const each = (residentMemory(server.pid) - before) / count;
      context.diagnostic(`${Math.round(each / 1024)} KiB each`);
      assert.ok(each < most, `${each} bytes each`);
      for (const socket of sockets) socket.destroy();
      await eventually(() => assert.ok(openFiles(server.pid) <= files, `of ${files} files`));
    });
  }
});
