/** Protects connections and service while certificates are exchanged under a running server. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import tls from "node:tls";
import {
  type Authority,
  createAuthority,
  createKey,
  issueServerCertificate,
} from "../../src/tls/certificate.ts";
import { watchServerCredentials } from "../../src/tls/credential-watch.ts";
import { loadServerCredentials, tlsOptions } from "../../src/tls/server-credentials.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const authorityKey = await createKey();
const authority: Authority = {
  key: authorityKey,
  certificate: createAuthority(authorityKey, "watch test"),
};

interface Pair {
  readonly cert: string;
  readonly key: string;
}

async function makePair(): Promise<Pair> {
  const key = await createKey();
  return { key, cert: issueServerCertificate(authority, key, ["localhost"]) };
}

async function write(directory: string, { key, cert }: Pair): Promise<void> {
  await writeFile(path.join(directory, "key"), key);
  await writeFile(path.join(directory, "cert"), cert);
}

/** Made once: keys take long. Every test starts with the first. */
const first = await makePair();
const second = await makePair();

describe("credential watch", () => {
  let directory: string;
  let server: https.Server;
  let watching: AbortController;
  let events: EventTarget;
  let errors: unknown[];
  const at = (name: string) => path.join(directory, name);

  beforeEach(async () => {
    directory = await makeScratch("watch");
    await write(directory, first);
  });
  afterEach(async () => {
    watching.abort();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await removeScratch(directory);
  });

  async function serve(files = { cert: at("cert"), key: at("key") }): Promise<void> {
    const current = await loadServerCredentials(files);
    server = https.createServer(tlsOptions(current), (_request, response) => response.end("ok"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    watching = new AbortController();
    events = new EventTarget();
    errors = [];
    watchServerCredentials(files, current, {
      intervalMs: 5,
      signal: watching.signal,
      onChange: (found) => {
        server.setSecureContext(tlsOptions(found));
        events.dispatchEvent(new Event("change"));
      },
      onError: (error) => {
        errors.push(error);
        events.dispatchEvent(new Event("error"));
      },
    });
  }

  const next = (name: "change" | "error") => once(events, name);

  function connect(options: tls.ConnectionOptions = {}): tls.TLSSocket {
    const { port } = server.address() as AddressInfo;
    const ca = authority.certificate;
    return tls.connect({ port, host: "127.0.0.1", servername: "localhost", ca, ...options });
  }

  async function servedFingerprint(): Promise<string> {
    const socket = connect();
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  async function replace(name: string, text: string): Promise<void> {
    await writeFile(at(`${name}.new`), text);
    await rename(at(`${name}.new`), at(name));
  }

  /** Key and certificate one after the other, as operators do; ends when they are served. */
  async function exchange({ key, cert }: Pair): Promise<void> {
    const changed = next("change");
    await replace("key", key);
    await replace("cert", cert);
    await changed;
  }

  it("serves a new pair to new connections and leaves open ones alone", async () => {
    await serve();
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: authority.certificate });
    const { port } = server.address() as AddressInfo;
    const ask = async () => {
      const request = https.get({ port, host: "127.0.0.1", servername: "localhost", agent });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      response.resume();
      await once(response, "end");
      return response.socket;
    };
    const open = await ask();
    const before = await servedFingerprint();
    await exchange(second);
    assert.notEqual(await servedFingerprint(), before);
    assert.equal(await ask(), open, "the open connection is used on");
    agent.destroy();
  });

  it("follows symbolic links that are swapped, as container secrets are", async () => {
    for (const [version, pair] of Object.entries({ v1: first, v2: second })) {
      await mkdir(at(version));
      await write(at(version), pair);
    }
    await symlink("v1", at("now"));
    await serve({ cert: at("now/cert"), key: at("now/key") });
    const before = await servedFingerprint();
    const changed = next("change");
    await symlink("v2", at("next"));
    await rename(at("next"), at("now"));
    await changed;
    assert.notEqual(await servedFingerprint(), before);
  });

  it("keeps the old pair when the new one is broken, tells it once, and recovers", async () => {
    await serve();
    const before = await servedFingerprint();
    const failed = next("error");
    await replace("cert", "-----BEGIN CERTIFICATE-----\nhalf");
    await failed;
    assert.equal(await servedFingerprint(), before);
    assert.match(String(errors[0]), /cert: holds no PEM certificate/);
    const gone = next("error");
    await rm(at("key"));
    await gone;
    assert.equal(errors.length, 2, "one for each state of the files");
    await exchange(second);
    assert.notEqual(await servedFingerprint(), before);
  });

  it("notices a new pair of the same size and times", async () => {
    const old = new Date(1_000_000_000_000);
    await utimes(at("cert"), old, old);
    await utimes(at("key"), old, old);
    await serve();
    const before = await servedFingerprint();
    const changed = next("change");
    for (const [name, text] of Object.entries(second)) {
      await writeFile(at(`${name}.new`), text);
      await utimes(at(`${name}.new`), old, old);
      await rename(at(`${name}.new`), at(name));
    }
    await changed;
    assert.notEqual(await servedFingerprint(), before);
  });

  it("loses no request while pairs are exchanged again and again", async () => {
    await serve();
    const { port } = server.address() as AddressInfo;
    const done = new AbortController();
    let served = 0;
    const load = Array.from({ length: 4 }, async () => {
      while (!done.signal.aborted) {
        const options = {
          port,
          host: "127.0.0.1",
          servername: "localhost",
          ca: authority.certificate,
        };
        const [response] = await once(https.get({ ...options, agent: false }), "response");
        response.resume();
        await once(response, "end");
        served += 1;
      }
    });
    for (let round = 0; round < 10; round += 1) {
      await exchange(round % 2 === 0 ? second : first);
    }
    done.abort();
    await Promise.all(load);
    assert.ok(served > 10, `${served} requests`);
  });

  it("negotiates AES-128-GCM first, and nothing below TLS 1.2", async () => {
    await serve();
    const negotiated = async (options: tls.ConnectionOptions) => {
      const socket = connect(options);
      await once(socket, "secureConnect");
      const found = [socket.getProtocol(), socket.getCipher().standardName];
      socket.destroy();
      return found;
    };
    assert.deepEqual(await negotiated({}), ["TLSv1.3", "TLS_AES_128_GCM_SHA256"]);
    assert.deepEqual(await negotiated({ maxVersion: "TLSv1.2" }), [
      "TLSv1.2",
      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ]);
    const old = connect({
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    const [error] = (await once(old, "error")) as [Error];
    assert.match(error.message, /protocol version/);
  });

  it("lets a client without the CA refuse the connection", async () => {
    await serve();
    const [error] = (await once(connect({ ca: [] }), "error")) as [NodeJS.ErrnoException];
    assert.match(String(error.code), /UNABLE_TO_VERIFY|SELF_SIGNED/);
  });
});
