/** D9: `serve FILE.dcos` on a machine: Cosmos takes its `/repo`, and dockerd runs what it names. */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { makeBundle } from "../fixtures/bundle.ts";
import { cli, startCli } from "../fixtures/cli-process.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeRunnableImage } from "../fixtures/image.ts";
import { Namespace, registryAddress, registryName } from "../fixtures/namespace.ts";
import type { RepositoryDocument } from "../fixtures/package-references.ts";
import { output, type Program } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const skip = lacking("unshare", "nsenter", "ip", "dockerd", "docker", "curl", "busybox");
const line = "straight from the file";

describe("serve FILE.dcos", { skip }, () => {
  let scratch: string;
  let namespace: Namespace;
  let server: Program;
  let daemon: DockerDaemon;
  let ca: string;

  before(async () => {
    scratch = await makeScratch("serve");
    namespace = await Namespace.create(scratch);
    const images = { "docker.io/acme/main:1": await makeRunnableImage(line) };
    for (const version of ["1", "2"]) {
      const { stream } = await makeBundle({ name: "served", version, images });
      await pipeline(stream, createWriteStream(path.join(scratch, `${version}.dcos`)));
    }
    const names = [`--listen=${registryAddress}:443`, `--public-url=https://${registryName}`];
    server = startCli(["registry", "serve", "1.dcos", "2.dcos", ...names], {
      cwd: scratch,
      place: namespace,
      env: { HOME: scratch },
    });
    await server.waitFor("stdout", /^Listening on /m);
    ca = path.join(scratch, "data/tls/ca.crt");
    await namespace.trust(`${registryName}:443`, await readFile(ca, "utf8"));
    daemon = await DockerDaemon.start(namespace, path.join(scratch, "docker"));
  });

  after(async () => {
    await daemon?.stop();
    await server?.stop();
    await namespace?.close();
    await removeScratch(scratch);
  });

  const get = (route: string): Promise<string> =>
    output("curl", ["-fsS", "--cacert", ca, `https://${registryName}${route}`], {
      place: namespace,
    });

  it("gives agents the images of all its packages", async () => {
    const { packages } = JSON.parse(await get("/repo")) as RepositoryDocument;
    assert.deepEqual(packages.map(({ version }) => version).sort(), ["1", "2"]);
    const image = packages[0]?.resource?.assets?.container?.docker["image-0"] ?? "";
    assert.match(image, new RegExp(`^${registryName}:443/served/acme/main:1-`));
    await daemon.output(["pull", image]);
    assert.equal(await daemon.output(["run", "--rm", "--network=none", image]), line);
  });

  it("gives assets, and says that it is well", async () => {
    const { packages } = JSON.parse(await get("/repo")) as RepositoryDocument;
    const [asset = ""] = Object.values(packages[0]?.resource?.assets?.uris ?? {});
    assert.equal(await get(new URL(asset).pathname), "content of the asset");
    const { checks } = JSON.parse(await get("/health"));
    assert.deepEqual(
      Object.values(checks).filter((check) => !Object(check).Healthy),
      [],
    );
  });

  it("takes nothing", async () => {
    const target = ["--url", `https://${registryName}`, "--ca", ca];
    const file = ["add", "--dcos-file=1.dcos"];
    const { code, stderr } = await cli([...file, ...target], { cwd: scratch, place: namespace });
    assert.equal(code, 4);
    assert.match(stderr, /this registry is read-only/);
  });

  it("says what cannot be served", async () => {
    const { code, stderr } = await cli(["serve", "none.dcos"], { cwd: scratch });
    assert.equal(code, 1);
    assert.match(stderr, /^Error: \S*none\.dcos: ENOENT/);
  });
});
