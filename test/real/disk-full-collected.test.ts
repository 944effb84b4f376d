/**
 * T6: a disk on which others have left a mebibyte. Freeing content writes its record twice before the data
 * may go, so a collector that needed room would never make any.
 */
import assert from "node:assert/strict";
import { mkdir, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { eventually } from "../fixtures/eventually.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { writeServerCertificate } from "../fixtures/server-certificate.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { smallDisk } from "../fixtures/small-disk.ts";
import { pattern } from "../storage/bytes.ts";

const mebibyte = 1024 * 1024;
/** What nothing references is gone a little later than this. */
const graceMs = 6_000;

describe("a collector on a full disk", { skip: lacking("unshare", "mount") }, () => {
  let scratch: string;
  let server: ServerProcess;
  let client: ClusterClient;

  before(async () => {
    scratch = await makeScratch("disk-collected");
    await mkdir(path.join(scratch, "data"));
    const place = smallDisk(path.join(scratch, "data"), 64);
    const { ca, flags } = await writeServerCertificate(scratch);
    const short = ["--gc-test-milliseconds", String(graceMs)];
    server = await ServerProcess.start({ directory: scratch, place, flags: [...flags, ...short] });
    client = new ClusterClient(server.url, ca);
  });
  after(async () => {
    await client?.close();
    await server?.stop();
    await removeScratch(scratch);
  });

  /** The disk is in a mount namespace of the server's; /proc leads into it. */
  const disk = (...names: string[]): string =>
    path.join("/proc", String(server.pid), "root", scratch, "data", ...names);

  async function freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(disk());
    return bavail * bsize;
  }

  it("frees what nothing references, and only that", async () => {
    const repository = `${server.url}/v2/team/app`;
    const push = async (blob: Buffer): Promise<string> => {
      const digest = digestOf(blob);
      const url = `${repository}/blobs/uploads/?digest=${digest}`;
      const { status, body } = await client.fetch(url, { method: "POST", body: blob });
      assert.equal(status, 201, body.toString());
      return digest;
    };
    const config = Buffer.from("{}");
    const layer = pattern(2 * mebibyte, 1);
    const descriptors = await Promise.all(
      [config, layer].map(async (blob) => ({
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest: await push(blob),
        size: blob.byteLength,
      })),
    );
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const [first, ...layers] = descriptors;
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config: first, layers });
    const headers = { "content-type": mediaType };
    const put = { method: "PUT", headers, body: manifest } as const;
    assert.equal((await client.fetch(`${repository}/manifests/1`, put)).status, 201);
    const unused = await push(pattern(4 * mebibyte, 2));

    await writeFile(disk("filler"), Buffer.alloc((await freeBytes()) - mebibyte));
    assert.ok((await freeBytes()) <= mebibyte);
    await eventually(async () => assert.ok((await freeBytes()) > 4 * mebibyte), 20 * graceMs);
    const gone = await client.fetch(`${repository}/blobs/${unused}`);
    assert.equal(gone.status, 404);
    const kept = await client.fetch(`${repository}/blobs/${digestOf(layer)}`);
    assert.ok(kept.body.equals(layer));
  });
});
