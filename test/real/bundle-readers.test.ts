/**
 * S7: a bundle is an image archive that skopeo, podman, docker and containerd read as it is, each
 * finding the images under their full names. The runnable image is run where the tool can run it.
 */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { makeBundle } from "../fixtures/bundle.ts";
import { ContainerdDaemon } from "../fixtures/containerd-daemon.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import {
  amd64,
  arm64,
  makeImage,
  makeIndex,
  makeRunnableImage,
  type TestImage,
} from "../fixtures/image.ts";
import { Namespace } from "../fixtures/namespace.ts";
import { output } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const tools = ["unshare", "dockerd", "docker", "skopeo", "podman", "conmon", "containerd", "ctr"];
const skip = lacking(...tools, "busybox");
const line = "out of a bundle";

const schema2 = "docker.io/acme/schema2:1";
const ociImage = "quay.example.com/acme/oci:2";
const sparse = "docker.io/acme/sparse:3";
const names = [schema2, ociImage, sparse];

/** Only linux/amd64 of a two-platform index, as a build takes it. */
async function sparseIndex(): Promise<TestImage> {
  const layers = [[{ path: "a", content: "sparse\n" }]];
  const here = await makeImage({ format: "oci", platform: amd64, layers });
  const other = await makeImage({ format: "oci", platform: arm64, layers });
  const { descriptor, contents } = makeIndex([other, here], "oci");
  const kept = [...contents].filter(
    ([digest]) => here.contents.has(digest) || digest === descriptor.digest,
  );
  return { descriptor, contents: new Map(kept) };
}

describe("readers of a bundle", { skip }, () => {
  let scratch: string;
  let bundle: string;
  let namespace: Namespace;
  let images: Record<string, TestImage>;

  before(async () => {
    scratch = await makeScratch("readers");
    bundle = path.join(scratch, "test.dcos");
    images = {
      [schema2]: await makeRunnableImage(line, "docker"),
      [ociImage]: await makeRunnableImage(line, "oci"),
      [sparse]: await sparseIndex(),
    };
    const made = await makeBundle({ images });
    await pipeline(made.stream(), createWriteStream(bundle));
    namespace = await Namespace.create(scratch);
  });

  after(async () => {
    await namespace?.close();
    await removeScratch(scratch);
  });

  const inScratch = () => ({ cwd: scratch, env: { HOME: scratch, TMPDIR: scratch } });

  it("skopeo finds OCI images and indexes in it as oci-archive, by full name", async () => {
    for (const name of [ociImage, sparse]) {
      const source = `oci-archive:${bundle}:${name}`;
      const raw = await output("skopeo", ["inspect", "--raw", source], inScratch());
      const { descriptor, contents } = images[name] ?? {};
      assert.equal(raw, descriptor && contents?.get(descriptor.digest)?.bytes.toString(), name);
    }
  });

  it("skopeo finds every image in it as docker-archive, by full name", async () => {
    for (const name of names) {
      const source = `docker-archive:${bundle}:${name}`;
      const config = await output("skopeo", ["inspect", "--config", source], inScratch());
      assert.equal(JSON.parse(config).architecture, "amd64", name);
    }
  });

  it("podman load takes every image and keeps its name", async () => {
    const storage = ["--root", `${scratch}/podman`, "--runroot", `${scratch}/podman-run`];
    const podman = [...storage, "--storage-driver=vfs", "--cgroup-manager=cgroupfs"];
    await output("podman", [...podman, "load", "--input", bundle], inScratch());
    const format = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
    const listed = await output("podman", [...podman, ...format], inScratch());
    assert.deepEqual(listed.split("\n").sort(), [...names].sort());
  });

  it("docker load takes every image, and docker run runs it", async () => {
    const daemon = await DockerDaemon.start(namespace, path.join(scratch, "docker"));
    try {
      await daemon.output(["load", "--input", bundle]);
      const format = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
      const listed = (await daemon.output(format)).split("\n").sort();
      assert.deepEqual(listed, names.map((name) => name.replace("docker.io/", "")).sort());
      for (const name of [schema2, ociImage]) {
        assert.equal(await daemon.output(["run", "--rm", "--network=none", name]), line);
      }
    } finally {
      await daemon.stop();
    }
  });

  it("ctr images import takes and unpacks every image under its digest", async () => {
    const daemon = await ContainerdDaemon.start(namespace, path.join(scratch, "containerd"));
    try {
      await daemon.ctr(["images", "import", "--snapshotter", "native", bundle]);
      const listed = await daemon.ctr(["images", "list"]);
      for (const name of names) {
        const row = listed.split("\n").find((each) => each.startsWith(`${name} `)) ?? "";
        assert.ok(row.includes(images[name]?.descriptor.digest ?? "?"), `${name}\n${listed}`);
      }
    } finally {
      await daemon.stop();
    }
  });
});
