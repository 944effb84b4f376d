/**
 * D2: the command line through Admin Router: each request may meet another instance, uploads are not
 * stored on the way, and one that is cut goes on.
 */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { AdminRouter } from "../fixtures/admin-router.ts";
import { generatedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { cli, startCli } from "../fixtures/cli-process.ts";
import { CuttingProxy } from "../fixtures/cutting-proxy.ts";
import type { Finished, Program } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { sized } from "../soak.ts";

const skip = lacking("nginx");
const MiB = 1024 * 1024;
/** The largest blob of the bundle. */
const size = sized(160 * MiB, 3072 * MiB);
const token = "0123456789abcdef0123456789abcdef";
const which = ["--package-name=behind", "--package-version=1"];

describe("the command line through Admin Router", { skip }, () => {
  let scratch: string;
  let server: ServerProcess;
  let line: CuttingProxy;
  let router: AdminRouter;

  before(async () => {
    scratch = await makeScratch("admin-router");
    const authority = new CertificateAuthority();
    const { key, certificate } = authority.issue("127.0.0.1", "dcos-registry.example");
    const at = (name: string) => path.join(scratch, name);
    await writeFile(at("server.key"), key, { mode: 0o600 });
    await writeFile(at("server.crt"), certificate);
    await writeFile(at("ca.crt"), authority.certificate);
    await writeFile(at("token"), `${token}\n`);
    const identity = ["--tls-cert", at("server.crt"), "--tls-key", at("server.key")];
    const flags = [...identity, "--token-file", at("token"), "--workers=2"];
    server = await ServerProcess.start({ directory: scratch, flags });
    // The line to the agents: what is cut there, nginx tells the client as 502.
    line = await CuttingProxy.start(Number(new URL(server.url).port));
    const instances = [`127.0.0.1:${new URL(server.url).port}`, `127.0.0.1:${line.port}`];
    const service = "dcos-registry";
    router = await AdminRouter.start({ directory: at("nginx"), authority, instances, service });
    const assets = { "large.bin": generatedBody(size, 3), "small.bin": generatedBody(MiB, 4) };
    const { stream } = await makeBundle({ name: "behind", version: "1", assets });
    await pipeline(stream, createWriteStream(at("behind.dcos")));
  });

  after(async () => {
    await router?.stop();
    await line?.close();
    await server?.stop();
    await removeScratch(scratch);
  });

  /** As `dcos` calls its plugins; our token stands in for the cluster's. */
  const plugin = () => ({
    cwd: scratch,
    timeoutMs: sized(300_000, 1_500_000),
    env: {
      HOME: scratch,
      DCOS_URL: router.url,
      DCOS_TLS_CA_PATH: path.join(scratch, "ca.crt"),
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
    const described = await run("describe", ...which, "--json");
    assert.equal(JSON.parse(described.stdout).status, "Added", described.stderr);
    assert.match((await run("list")).stdout, /\nbehind {2}/);
    const removed = await run("remove", ...which);
    assert.deepEqual([removed.code, removed.stdout], [0, "Removed behind 1\n"]);
    assert.equal((await run("describe", ...which)).code, 1);
  });

  it("goes on when instances break off, which Admin Router tells as 502", async () => {
    const again = await makeBundle({
      name: "behind",
      version: "2",
      assets: { "large.bin": generatedBody(96 * MiB, 5) },
    });
    await pipeline(again.stream, createWriteStream(path.join(scratch, "two.dcos")));
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
});
