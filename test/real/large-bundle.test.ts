/**
 * S8: a bundle of 4 GiB is added and pulled while all processes of the server together stay below
 * 250 MiB of resident memory, counted as the sum of each process's own peak.
 */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { statfs } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { type Body, digestOfBody, generatedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { startCli } from "../fixtures/cli-process.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { makeLargeImage } from "../fixtures/image.ts";
import { peakMemory } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const skip = process.env["CI_REAL"] === "1" ? false : lacking("unshare");
const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const limit = 250 * mebibyte;

describe("a bundle of 4 GiB", { skip }, () => {
  let scratch: string;
  let server: ServerProcess;
  let client: ClusterClient;
  const asset = generatedBody(gibibyte, 1);
  const layers: readonly Body[] = [generatedBody(2 * gibibyte, 2), generatedBody(gibibyte, 3)];

  before(async () => {
    scratch = await makeScratch("large");
    const { bavail, bsize } = await statfs(scratch);
    assert.ok(bavail * bsize > 9 * gibibyte, "needs 9 GiB of disk below the temporary directory");
    server = await ServerProcess.start({ directory: scratch });
    client = new ClusterClient(server.url, await server.developmentCa());
  });

  after(async () => {
    await client?.close();
    await server?.stop();
    await removeScratch(scratch);
  });

  it("is added and pulled in constant memory", async (test) => {
    const image = await makeLargeImage(layers);
    const bodies = new Map(image.layers);
    const images = { "docker.io/acme/large:1": image };
    const bundle = await makeBundle({ assets: { "large.bin": asset }, images, bodies });
    const file = path.join(scratch, "large.dcos");
    await pipeline(bundle.stream(), createWriteStream(file));
    const written = performance.now();

    const trust = ["--url", server.url, "--ca", server.developmentCaFile];
    const adding = startCli(["add", "--dcos-file", file, ...trust]);
    let clientPeak = 0;
    const watch = setInterval(() => {
      if (adding.running) clientPeak = Math.max(clientPeak, peakMemory(adding.pid));
    }, 500);
    const { code, stderr } = await adding.ended();
    clearInterval(watch);
    assert.equal(code, 0, stderr);
    const added = server.peakMemory();
    const addMs = performance.now() - written;

    const [url = ""] = await assetUrls();
    const blobs = [...bodies.keys()].map((digest) => `${server.url}/v2/any/blobs/${digest}`);
    const pulled = await Promise.all([url, ...blobs].map((each) => client.digest(each)));
    const expected = [await digestOfBody(asset), ...bodies.keys()];
    assert.deepEqual(
      pulled.map(({ digest }) => digest),
      expected,
    );
    const peak = server.peakMemory();
    const shown = [added, peak, clientPeak].map((bytes) => `${Math.round(bytes / mebibyte)} MiB`);
    test.diagnostic(`add took ${Math.round(addMs / 1000)} s`);
    test.diagnostic(`peak after add ${shown[0]}, after pull ${shown[1]}; client ${shown[2]}`);
    assert.ok(peak < limit, `the server's peak is ${shown[1]}`);
    assert.ok(clientPeak < limit, `the client's peak is ${shown[2]}`);
  });

  async function assetUrls(): Promise<string[]> {
    const { packages } = await client.json<{
      packages: { resource: { assets: { uris: Record<string, string> } } }[];
    }>(`${server.url}/repo`);
    return Object.values(packages[0]?.resource.assets.uris ?? {});
  }
});
