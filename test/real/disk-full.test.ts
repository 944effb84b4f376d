/**
 * S9: a disk that fills up while a package is added or an image pushed. The client is told in
 * words, readers see what they saw before, and a smaller package still finds room.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fixedBody, generatedBody } from "../fixtures/body.ts";
import { bundleBytes, makeBundle } from "../fixtures/bundle.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { cli } from "../fixtures/cli-process.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { smallDisk } from "../fixtures/small-disk.ts";
import { type VisibleState, visibleState } from "../fixtures/visible-state.ts";

const skip = lacking("unshare", "mount");
const mebibyte = 1024 * 1024;

describe("a full disk", { skip }, () => {
  let scratch: string;
  let server: ServerProcess;
  let client: ClusterClient;
  let caFile: string;
  let good: VisibleState;

  before(async () => {
    scratch = await makeScratch("disk-full");
    await mkdir(path.join(scratch, "data"));
    const place = smallDisk(path.join(scratch, "data"), 64);
    const authority = new CertificateAuthority();
    const { key, certificate } = authority.issue("127.0.0.1");
    const file = (name: string) => path.join(scratch, name);
    await writeFile(file("server.key"), key);
    await writeFile(file("server.crt"), certificate);
    caFile = file("ca.crt");
    await writeFile(caFile, authority.certificate);
    const flags = ["--tls-cert", file("server.crt"), "--tls-key", file("server.key")];
    server = await ServerProcess.start({ directory: scratch, place, flags });
    client = new ClusterClient(server.url, authority.certificate);
    const { status, body } = await add(await bundleBytes(await makeBundle()));
    assert.equal(status, 200, body.toString());
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

  it("refuses a package that does not fit, with exit code 8, and shows nothing of it", async () => {
    const assets = { "large.bin": generatedBody(100 * mebibyte, 1) };
    const file = path.join(scratch, "large.dcos");
    await writeFile(file, await bundleBytes(await makeBundle({ name: "large", assets })));
    const trust = ["--url", server.url, "--ca", caFile];
    const { code, stderr } = await cli(["add", "--dcos-file", file, ...trust]);
    assert.equal(code, 8, stderr);
    assert.match(stderr, /space|storage|full/i);
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  it("refuses a pushed blob that does not fit with 507 in the registry's words", async () => {
    const url = `${server.url}/v2/team/large/blobs/uploads/`;
    const started = await client.fetch(url, { method: "POST" });
    const location = new URL(String(started.headers["location"]), server.url).href;
    const { status, body } = await client.fetch(location, {
      method: "PATCH",
      headers: { "content-type": "application/octet-stream" },
      body: generatedBody(100 * mebibyte, 2).open(0),
    });
    assert.equal(status, 507, body.toString());
    assert.match(body.toString(), /"errors":\[\{"code":/);
    assert.deepEqual(await visibleState(client, server.url), good);
  });

  it("gives the room back that refused content took", async () => {
    // The disk is in a mount namespace of the server's; /proc leads into it.
    const data = path.join("/proc", String(server.pid), "root", scratch, "data");
    assert.deepEqual(await readdir(path.join(data, "staging")), []);
    const { blocks, bavail } = await statfs(data);
    assert.ok(bavail / blocks > 0.9, `${bavail} of ${blocks} blocks are free`);
  });

  it("takes a smaller package afterwards", async () => {
    const assets = { "small.bin": fixedBody("small enough") };
    const { status, body } = await add(
      await bundleBytes(await makeBundle({ name: "fits", assets })),
    );
    assert.equal(status, 200, body.toString());
  });
});
