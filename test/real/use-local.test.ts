/** `build --use-local` takes images from a real docker, and what it builds runs in another one. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { makeBundle } from "../fixtures/bundle.ts";
import { cliOutput } from "../fixtures/cli-process.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeRunnableImage } from "../fixtures/image.ts";
import { Namespace } from "../fixtures/namespace.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const skip = lacking("unshare", "dockerd", "docker", "busybox");
const line = "out of the local docker";
const name = "docker.io/acme/local:1";

describe("build --use-local", { skip }, () => {
  let scratch: string;
  let namespace: Namespace;
  let daemon: DockerDaemon;

  before(async () => {
    scratch = await makeScratch("use-local");
    namespace = await Namespace.create(scratch);
    daemon = await DockerDaemon.start(namespace, path.join(scratch, "docker"));
    const { stream } = await makeBundle({ images: { [name]: await makeRunnableImage(line) } });
    const chunks: Buffer[] = [];
    for await (const chunk of stream()) chunks.push(Buffer.from(chunk));
    await daemon.output(["load"], { input: Buffer.concat(chunks) });
  });
  after(async () => {
    await daemon?.stop();
    await namespace?.close();
    await removeScratch(scratch);
  });

  it("bundles an image that only the local docker has, twice the same", async () => {
    const definition = {
      packagingVersion: "4.0",
      name: "local",
      version: "1",
      maintainer: "tests@example.com",
      description: "An image from here",
      tags: [],
      resource: { assets: { container: { docker: { main: "acme/local:1" } } } },
    };
    await writeFile(path.join(scratch, "local.json"), JSON.stringify(definition));
    const env = {
      HOME: scratch,
      DOCKER_HOST: `unix://${path.join(scratch, "docker/docker.sock")}`,
    };
    for (const directory of ["one", "two"]) {
      await mkdir(path.join(scratch, directory));
      const flags = ["--build-definition-file=local.json", `--output-directory=${directory}`];
      await cliOutput(["build", "--use-local", ...flags], { cwd: scratch, env });
    }
    const bundle = path.join(scratch, "one/local-1.dcos");
    await daemon.output(["image", "rm", "acme/local:1"]);
    await daemon.output(["load", "--input", bundle]);
    assert.equal(await daemon.output(["run", "--rm", "--network=none", "acme/local:1"]), line);
    const other = await readFile(path.join(scratch, "two/local-1.dcos"));
    assert.ok((await readFile(bundle)).equals(other));
  });
});
