/**
 * D2: two instances on one bucket behind Admin Router and behind their load-balanced name: each request
 * meets the next instance, uploads are not stored on the way, and one that is cut goes on.
 */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { AdminRouter } from "../fixtures/admin-router.ts";
import { generatedBody } from "../fixtures/body.ts";
import { BucketInstances } from "../fixtures/bucket-instances.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { cli, startCli } from "../fixtures/cli-process.ts";
import { CuttingProxy } from "../fixtures/cutting-proxy.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { eventually } from "../fixtures/eventually.ts";
import { makeRunnableImage } from "../fixtures/image.ts";
import { Namespace, registryName } from "../fixtures/namespace.ts";
import type { Finished, Program } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { S3Bucket } from "../fixtures/s3-bucket.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { Vip } from "../fixtures/vip.ts";
import { sized, soak } from "../soak.ts";

const docker = ["unshare", "nsenter", "ip", "dockerd", "docker", "busybox"];
const skip = lacking("nginx", ...cephPrograms, ...docker);
const MiB = 1024 * 1024;
/** The largest blob of the bundle. */
const size = sized(128 * MiB, 3072 * MiB);
const token = "0123456789abcdef0123456789abcdef";
const which = ["--package-name=behind", "--package-version=1"];

describe("two instances through Admin Router", { skip }, () => {
  let scratch: string;
  let ceph: Ceph;
  let bucket: S3Bucket;
  let instances: BucketInstances;
  let line: CuttingProxy;
  let router: AdminRouter;
  const at = (name: string): string => path.join(scratch, name);

  before(async () => {
    scratch = await makeScratch("admin-router");
    await writeFile(at("token"), `${token}\n`);
    ceph = await Ceph.start({ content: soak ? "file" : "memory" });
    bucket = await S3Bucket.create(ceph.place);
    const flags = ["--token-file", at("token")];
    instances = await BucketInstances.start(bucket, 2, flags, registryName);
    const { authority, ports } = instances;
    await writeFile(at("ca.crt"), authority.certificate);
    // The line to one of the agents: what is cut there, nginx tells the client as 502.
    line = await CuttingProxy.start(ports[1] ?? 0);
    const places = [`127.0.0.1:${ports[0]}`, `127.0.0.1:${line.port}`];
    const service = "dcos-registry";
    router = await AdminRouter.start({
      directory: at("nginx"),
      authority,
      instances: places,
      service,
    });
    const assets = { "large.bin": generatedBody(size, 3), "small.bin": generatedBody(MiB, 4) };
    const { stream } = await makeBundle({ name: "behind", version: "1", assets });
    await pipeline(stream, createWriteStream(at("behind.dcos")));
  });

  after(async () => {
    await router?.stop();
    await line?.close();
    await instances?.stop();
    await bucket?.close();
    await ceph?.stop();
    await removeScratch(scratch);
  });

  /** As `dcos` calls its plugins; our token stands in for the cluster's. */
  const plugin = () => ({
    cwd: scratch,
    timeoutMs: sized(300_000, 1_500_000),
    env: {
      HOME: scratch,
      DCOS_URL: router.url,
      DCOS_TLS_CA_PATH: at("ca.crt"),
      DCOS_REGISTRY_TOKEN: token,
    },
  });
  const run = (...args: readonly string[]): Promise<Finished> =>
    cli(["registry", ...args], plugin());
  const add = (): Program =>
    startCli(["registry", "add", "--dcos-file=behind.dcos", "--progress=none"], plugin());
  const lines = async (pattern: RegExp): Promise<string[]> =>
    (await router.log()).split("\n").filter((entry) => pattern.test(entry));

  it("adds a bundle whose upload is killed in the middle, and goes on with it", async () => {
    const killed = add();
    await line.passed(size / 4);
    killed.signal("SIGKILL");
    await killed.ended();
    const { code, stdout, stderr } = await add().ended();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Added packages:\n\t behind 1\n/);
    // Of the requests under way when it was killed, each may be sent again.
    const patches = await lines(/^PATCH /);
    const sent = patches.reduce((sum, entry) => sum + Number(entry.split(" ")[3]), 0);
    assert.ok(sent >= size && sent < size + 3 * 32 * MiB, `${sent} bytes`);
  });

  it("spreads its requests over the instances, each small", async () => {
    const sent = await lines(/^(?:PATCH|PUT|POST) /);
    const instances = new Set(sent.map((entry) => entry.split(" ").at(-1)));
    assert.equal(instances.size, 2, sent.join("\n"));
    for (const entry of sent) assert.ok(Number(entry.split(" ")[3]) < 33 * MiB, entry);
    assert.ok(sent.every((entry) => entry.includes(" /service/dcos-registry/")));
  });

  it("describes, lists and removes", async () => {
    // Each command meets the next instance: the one that has not been told may answer late.
    await eventually(async () => {
      const described = await run("describe", ...which, "--json");
      assert.equal(JSON.parse(described.stdout || "{}").status, "Added", described.stderr);
    });
    for (const _ of instances.urls) assert.match((await run("list")).stdout, /\nbehind {2}/);
    const removed = await run("remove", ...which);
    assert.deepEqual([removed.code, removed.stdout], [0, "Removed behind 1\n"]);
    await eventually(async () => assert.equal((await run("describe", ...which)).code, 1));
  });

  it("goes on when instances break off, which Admin Router tells as 502", async () => {
    const again = await makeBundle({
      name: "behind",
      version: "2",
      assets: { "large.bin": generatedBody(96 * MiB, 5) },
    });
    await pipeline(again.stream, createWriteStream(at("two.dcos")));
    line.cutAfter(10 * MiB);
    const { code, stderr } = await run("add", "--dcos-file=two.dcos", "--progress=none");
    assert.equal(code, 0, stderr);
    assert.equal(line.cuts, 1);
    assert.match(await router.log(), / 502 /);
  });

  it("is told when no such service is there", async () => {
    const { code, stderr } = await run("list", "--name=other");
    assert.equal(code, 5, stderr);
    assert.match(stderr, /HTTP 404 with an HTML page: this is not the registry's own answer/);
  });

  describe("and by their load-balanced name", () => {
    const image = `${registryName}:443/team/image:1`;
    const said = "pushed through the VIP";
    let namespace: Namespace;
    let vip: Vip;
    let daemon: DockerDaemon;

    before(async () => {
      namespace = await Namespace.create(scratch);
      await namespace.trust(`${registryName}:443`, instances.authority.certificate);
      vip = await Vip.start(namespace, scratch, instances.ports);
      daemon = await DockerDaemon.start(namespace, at("docker"));
    });
    after(async () => {
      await daemon?.stop();
      await vip?.stop();
      await namespace?.close();
    });

    it("take what docker pushes, and give it back", async () => {
      const login = ["login", "--username=any", "--password-stdin", `${registryName}:443`];
      await daemon.output(login, { input: token });
      const made = await makeRunnableImage(said);
      const { stream } = await makeBundle({ name: "local", images: { "acme/image:1": made } });
      await pipeline(stream, createWriteStream(at("local.dcos")));
      const loaded = await daemon.output(["load", "--input", at("local.dcos")]);
      const [, name = ""] = /Loaded image: (\S*acme\/image:1)/.exec(loaded) ?? [];
      await daemon.output(["tag", name, image]);
      await daemon.output(["push", image]);
      await daemon.output(["image", "rm", image, name]);
      assert.equal(await daemon.output(["run", "--rm", "--network=none", image]), said);
    });

    it("take nothing from who has not logged in", async () => {
      await daemon.output(["logout", `${registryName}:443`]);
      const { code, stderr } = await daemon.docker(["push", image]);
      assert.equal(code, 1);
      assert.match(stderr, /denied|unauthorized|authentication required/i);
    });

    it("still push when one of the two is killed", async () => {
      const login = ["login", "--username=any", "--password-stdin", `${registryName}:443`];
      await daemon.output(login, { input: token });
      await instances.kill(0);
      try {
        const other = image.replace(/:1$/, ":2");
        await daemon.output(["tag", image, other]);
        await daemon.output(["push", other]);
      } finally {
        await instances.startOne(0);
      }
    });
  });
});
