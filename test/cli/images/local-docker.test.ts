import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { BlobCache } from "../../../src/cli/fetch/blob-cache.ts";
import { ImageUnavailable } from "../../../src/cli/images/image-unavailable.ts";
import { LocalDocker } from "../../../src/cli/images/local-docker.ts";
import { digestOf, hexOf } from "../../../src/oci/digest.ts";
import { mediaType } from "../../../src/oci/media-type.ts";
import { makeScratch, removeScratch } from "../../fixtures/scratch.ts";
import { type RawEntry, rawTar } from "../../packages/hostile-tar.ts";

const layer = Buffer.from("layer ".repeat(100));
const other = Buffer.from("another layer");

const configOf = (...layers: Buffer[]) =>
  Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: layers.map((bytes) => digestOf(bytes)) },
    }),
  );
const typed =
  (type: string, link = "") =>
  (block: Buffer) => {
    block.write(type, 156);
    block.write(link, 157);
  };
const list = (config: string, layers: string[]): RawEntry => ({
  name: "manifest.json",
  body: JSON.stringify([{ Config: config, RepoTags: ["acme/db:1"], Layers: layers }]),
});

/** As docker before 25 writes it: a folder a layer, the second use of a layer being a link. */
function oldForm(): RawEntry[] {
  const config = configOf(layer, other, layer);
  const [a, b, c] = ["a", "b", "c"].map((letter) => letter.repeat(64));
  const name = `${hexOf(digestOf(config))}.json`;
  return [
    { name: `${a}/`, header: typed("5") },
    { name: `${a}/VERSION`, body: "1.0" },
    { name: `${a}/json`, body: "{}" },
    { name: `${a}/layer.tar`, body: layer },
    { name: `${b}/layer.tar`, body: other },
    { name: `${c}/layer.tar`, header: typed("2", `../${a}/layer.tar`) },
    { name, body: config },
    list(name, [`${a}/layer.tar`, `${b}/layer.tar`, `${c}/layer.tar`]),
    { name: "repositories", body: "{}" },
  ];
}

/** As docker from 25 on writes it. */
function newForm(): RawEntry[] {
  const config = configOf(layer, other);
  const packed = gzipSync(other);
  const [one, two, three] = [config, layer, packed].map(
    (bytes) => `blobs/sha256/${hexOf(digestOf(bytes))}`,
  );
  return [
    { name: "blobs/", header: typed("5") },
    { name: one ?? "", body: config },
    { name: two ?? "", body: layer },
    { name: three ?? "", body: packed },
    { name: "index.json", body: "{}" },
    list(one ?? "", [two ?? "", three ?? ""]),
    { name: "oci-layout", body: "{}" },
  ];
}

describe("LocalDocker", () => {
  let directory: string;
  let server: Server;
  let docker: LocalDocker;
  let cache: BlobCache;
  let archive: Buffer;
  let asked: string[];

  before(async () => {
    directory = await makeScratch("local-docker");
    const socket = path.join(directory, "docker.sock");
    server = createServer((request, response) => {
      asked.push(request.url ?? "");
      if (!request.url?.startsWith("/images/docker.io/acme/db:1/")) response.writeHead(404).end();
      else response.end(request.url.endsWith("/get") ? archive : "{}");
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const environment = { DOCKER_HOST: `unix://${socket}` };
    docker = new LocalDocker({ environment, signal: new AbortController().signal });
    cache = await BlobCache.open(path.join(directory, "cache"));
  });
  after(async () => {
    await docker.close();
    await new Promise((resolve) => server.close(resolve));
    await removeScratch(directory);
  });
  beforeEach(() => {
    asked = [];
  });

  const take = async (entries: readonly RawEntry[]) => {
    archive = rawTar(entries);
    return (await docker.find("acme/db:1", cache)) ?? assert.fail("docker has it");
  };

  it("makes a schema 2 image of what docker 20 saves, links resolved", async () => {
    const image = await take(oldForm());
    assert.equal(image.reference, "docker.io/acme/db:1");
    assert.equal(image.manifest.mediaType, mediaType.dockerManifest);
    assert.deepEqual(
      image.manifest.layers.map(({ digest, mediaType: type, size }) => [digest, type, size]),
      [layer, other, layer].map((bytes) => [digestOf(bytes), mediaType.dockerLayer, bytes.length]),
    );
    assert.equal(image.blobs.length, 3);
    for (const { digest, size } of image.blobs) assert.ok(await cache.has(digest, size));
  });

  it("makes one of what docker 25 saves, compressed layers included", async () => {
    const { manifest, descriptor, documents } = await take(newForm());
    assert.deepEqual(
      manifest.layers.map(({ mediaType: type }) => type),
      [mediaType.dockerLayer, mediaType.dockerLayerGzip],
    );
    assert.deepEqual([...documents.keys()], [descriptor.digest]);
    assert.equal((await take(newForm())).descriptor.digest, descriptor.digest);
  });

  it("knows nothing of images that docker does not have", async () => {
    assert.equal(await docker.find("acme/none:1", cache), undefined);
    const elsewhere = docker.before(async () => assert.fail("asked elsewhere"), cache);
    await assert.rejects(elsewhere("acme/none:1"), /asked elsewhere/);
    assert.deepEqual(asked, Array(2).fill("/images/docker.io/acme/none:1/json"));
  });

  it("refuses archives that do not hold one whole image", async () => {
    const whole = oldForm();
    const config = configOf(layer);
    const broken: [RawEntry[], RegExp][] = [
      [whole.filter(({ name }) => name !== "manifest.json"), /no manifest\.json/],
      [whole.filter(({ name }) => !name.startsWith("bbb")), /lacks b+\/layer\.tar/],
      [[{ name: "manifest.json", body: "[]" }], /unusable manifest\.json/],
      [[{ name: "manifest.json", body: "{" }], /broken document/],
      [[{ name: "manifest.json", body: "[null,null]" }], /unusable manifest\.json/],
      [[{ name: "c", body: config }, { name: "l", body: other }, list("c", ["l"])], /other layers/],
      [[{ name: "c", body: config }, list("c", [])], /other layers/],
      [[{ name: "x", header: typed("2", "x") }, list("x", [])], /lacks x/],
    ];
    for (const [entries, message] of broken) {
      await assert.rejects(take(entries), (error) => {
        assert.ok(error instanceof ImageUnavailable, String(error));
        assert.match(error.message, message);
        return true;
      });
    }
    archive = rawTar(oldForm()).subarray(0, 3000);
    await assert.rejects(
      docker.find("acme/db:1", cache),
      /docker's archive is broken: .*truncated/,
    );
  });
});
