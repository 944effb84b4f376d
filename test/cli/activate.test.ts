/** D7: `activate` against stand-ins of the four APIs: all goes well, each step fails, it runs again. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { DcosCluster } from "./dcos-cluster.ts";
import { type CliRun, runInProcess } from "./run-in-process.ts";

const uri = "https://dcos-registry.marathon.l4lb.thisdcos.directory/repo";

describe("activate", () => {
  let cluster: DcosCluster;
  let scratch: string;
  beforeEach(async () => {
    cluster = await DcosCluster.start();
    scratch = await makeScratch("activate");
  });
  afterEach(async () => {
    await cluster.close();
    await removeScratch(scratch);
  });

  const run = (...args: readonly string[]): Promise<CliRun> =>
    runInProcess(["activate", "--timeout=8", ...args], {
      workingDirectory: scratch,
      environment: { HOME: scratch, DCOS_URL: cluster.url, DCOS_ACS_TOKEN: "t" },
    });

  it("brings a cluster all the way, and a second time changes nothing", async () => {
    const first = await run();
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout.match(/^\d\/5 .*: done$/gm)?.length, 5, first.stdout);
    assert.deepEqual([...cluster.grants], ["dcos:adminrouter:ops:ca:rw dcos-registry full"]);
    assert.deepEqual(cluster.repositories[0], { name: "Registry", uri });
    assert.deepEqual(cluster.apps.get("dcos-registry")?.options, {
      registry: { "service-account-secret-path": "dcos-registry-secret" },
    });
    const changed = cluster.changes.length;
    const second = await run();
    assert.equal(second.code, 0, second.stderr);
    assert.equal(second.stdout.match(/: there already$/gm)?.length, 4, second.stdout);
    assert.equal(cluster.changes.length, changed);
  });

  it("makes a secret that the service can log in with, and shows its key to nobody", async () => {
    const { code, stdout, stderr } = await run("-v");
    assert.equal(code, 0, stderr);
    const secret = JSON.parse(cluster.secrets.get("dcos-registry-secret") ?? "");
    assert.deepEqual([secret.scheme, secret.uid], ["RS256", "dcos-registry"]);
    const derived = createPublicKey(createPrivateKey(secret.private_key));
    const stored = cluster.users.get("dcos-registry")?.public_key;
    assert.equal(derived.export({ type: "spki", format: "pem" }), stored);
    assert.doesNotMatch(stdout + stderr, /PRIVATE|token=/);
  });

  it("follows the options file, and keeps what it says", async () => {
    const chosen = {
      service: { name: "team/registry", instances: 2 },
      registry: { "service-account-secret-path": "team/secret", workers: 2 },
    };
    await writeFile(path.join(scratch, "options.json"), JSON.stringify(chosen));
    assert.equal((await run("--options=options.json")).code, 0);
    assert.deepEqual(cluster.apps.get("team/registry")?.options, chosen);
    assert.ok(cluster.secrets.has("team/secret"));
    assert.match(cluster.repositories[0]?.uri ?? "", /^https:\/\/teamregistry\.marathon\.l4lb\./);
  });

  it("does not install beside a service whose load-balanced name is the same", async () => {
    const labels = { VIP_0: "/team/registry:443" };
    cluster.otherApps = [{ id: "/team/registry", portDefinitions: [{ labels }] }];
    await writeFile(path.join(scratch, "options.json"), '{"service":{"name":"teamregistry"}}');
    const { code, stderr } = await run("--options=options.json");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /service team\/registry has the load-balanced name of teamregistry already/,
    );
    assert.equal(cluster.apps.size, 0);
  });

  it("does not install beside a service that still has the name it had before", async () => {
    const labels = { VIP_0: "/registry:443" };
    cluster.otherApps = [{ id: "/registry", portDefinitions: [{ labels }] }];
    await writeFile(path.join(scratch, "options.json"), '{"service":{"former-name":"registry"}}');
    const { code, stderr } = await run("--options=options.json");
    assert.equal(code, 1);
    assert.match(stderr, /service registry has the load-balanced name of registry already/);
    assert.match(stderr, /remove service registry first, or leave service\.former-name out/);
    assert.equal(cluster.apps.size, 0);
  });

  it("shows each step without doing it", async () => {
    const { code, stdout } = await run("--dry-run");
    assert.equal(code, 0);
    assert.equal(stdout.match(/^\d\/5 /gm)?.length, 5, stdout);
    assert.deepEqual(cluster.changes, []);
  });

  const failures: readonly [string, RegExp, RegExp][] = [
    ["/secrets/", /^Error response.*|1\/5|Create service account/, /superuser/],
    ["/users/dcos-registry", /Create service account/, /superuser/],
    ["/acls/", /Grant dcos:adminrouter/, /dcos security org users grant/],
    ["/package/install", /Install package package-registry/, /dcos package search/],
    ["/package/repository/add", /the first package repository/, /repo add --index=0 Registry/],
  ];
  for (const [route, title, hint] of failures) {
    it(`says how to go on when ${route} fails, and goes on from there`, async () => {
      cluster.instead = (asked, method) =>
        method !== "GET" && asked.includes(route) ? [500, { code: "ERR" }] : undefined;
      const failed = await run();
      assert.notEqual(failed.code, 0);
      assert.match(failed.stderr, title);
      assert.match(failed.stderr, hint);
      assert.match(failed.stderr, /run the same command again to go on/);
      cluster.instead = () => undefined;
      const again = await run();
      assert.equal(again.code, 0, again.stderr);
      assert.equal(cluster.repositories.filter((each) => each.uri === uri).length, 1);
      const secret = JSON.parse(cluster.secrets.get("dcos-registry-secret") ?? "");
      const derived = createPublicKey(createPrivateKey(secret.private_key));
      const stored = cluster.users.get("dcos-registry")?.public_key;
      assert.equal(derived.export({ type: "spki", format: "pem" }), stored);
    });
  }

  it("gives up on a service that does not get healthy, and says where to look", async () => {
    cluster.slowness = 1_000_000;
    const { code, stderr } = await run("--timeout=0.3");
    assert.equal(code, 1);
    assert.match(stderr, /Wait until dcos-registry is healthy: 0 of 1 instances are healthy/);
    assert.match(stderr, /dcos task log dcos-registry/);
  });

  it("moves a repository that is there, but not first", async () => {
    cluster.repositories.push({ name: "Registry", uri });
    assert.equal((await run()).code, 0);
    assert.deepEqual(
      cluster.repositories.map(({ name }) => name),
      ["Registry", "Universe"],
    );
  });

  it("refuses an account whose key nobody has", async () => {
    cluster.users.set("dcos-registry", { public_key: "lost" });
    const { code, stderr } = await run();
    assert.equal(code, 1);
    assert.match(stderr, /but no secret dcos-registry-secret with its key/);
    assert.match(stderr, /service-accounts delete dcos-registry/);
  });

  it("needs a cluster and a login", async () => {
    const environment = { HOME: scratch };
    const none = await runInProcess(["activate"], { workingDirectory: scratch, environment });
    assert.match(none.stderr, /no cluster is attached/);
    const foreign = await runInProcess(["activate"], {
      workingDirectory: scratch,
      environment: { ...environment, DCOS_URL: cluster.url, DCOS_ACS_TOKEN: "old" },
    });
    assert.equal(foreign.code, 4);
  });
});
