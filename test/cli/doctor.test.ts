/** Protects `doctor`: each thing that can be wrong is made wrong here, seen, and told with what to do. */
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { CertificateAuthority, type KeyAndCertificate } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { DcosCluster } from "./dcos-cluster.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { type CliRun, runInProcess } from "./run-in-process.ts";

const host = "dcos-registry.marathon.l4lb.thisdcos.directory";
const agent = "10.0.0.7";

interface CheckResult {
  readonly check: string;
  readonly state: "fine" | "skipped" | "found";
  readonly message?: string;
  readonly findings?: readonly { problem: string; fix: string; harmless?: boolean }[];
}

describe("doctor", () => {
  const authority = new CertificateAuthority("Cluster CA");
  let root: string;
  let registry: FakeRegistry;
  let cluster: DcosCluster;
  let addresses: string[];

  beforeEach(async () => {
    root = await makeScratch("doctor");
    await mkdir(path.join(root, "run/dcos/pki/CA"), { recursive: true });
    await writeFile(path.join(root, "run/dcos/pki/CA/ca-bundle.crt"), authority.certificate);
    await mkdir(path.join(root, "etc/docker"), { recursive: true });
    addresses = ["127.0.0.1"];
    cluster = await DcosCluster.start();
    cluster.apps.set("dcos-registry", { options: {}, polls: 0 });
    cluster.hosts.push(agent);
    await serve(authority.issue(host, "127.0.0.1", agent));
    await run("trust", "--install");
  });
  afterEach(async () => {
    await registry.stop();
    await cluster.close();
    await removeScratch(root);
  });

  /** A healthy registry, which Cosmos knows. */
  async function serve(tls: KeyAndCertificate): Promise<void> {
    if (registry) await registry.stop().catch(() => {});
    registry = await FakeRegistry.start({ tls });
    registry.version = "1.2.3";
    registry.checks["storage/space"] = { Healthy: { message: "There is room." } };
    registry.checks["storage/coordination"] = { Healthy: { message: "directory: one server." } };
    cluster.repositories = [{ name: "Registry", uri: `https://${host}:${registry.port}/repo` }];
  }

  function run(command: string, ...args: readonly string[]): Promise<CliRun> {
    const ca = path.join(root, "run/dcos/pki/CA/ca-bundle.crt");
    const where = [`--host=${host}:${registry.port}`, `--root=${root}`, `--ca=${ca}`];
    return runInProcess([command, ...where, ...args], {
      workingDirectory: root,
      environment: { DCOS_URL: cluster.url, DCOS_ACS_TOKEN: "t" },
      resolveHost: async () => addresses,
    });
  }

  /** Addressed directly, because the stand-in of the cluster has no Admin Router. */
  const doctor = (...args: readonly string[]): Promise<CliRun> =>
    run("doctor", "--name=dcos-registry", `--url=${registry.url}`, ...args);

  async function resultOf(check: string, ...args: readonly string[]): Promise<CheckResult> {
    const { stdout, stderr, code } = await doctor("--json", ...args);
    const { healthy, checks } = JSON.parse(stdout) as { healthy: boolean; checks: CheckResult[] };
    assert.equal(code, healthy ? 0 : 1, stderr);
    const result = checks.find((one) => one.check === check);
    assert.ok(result, stdout);
    return result;
  }

  /** Asserts that this check alone has one finding. */
  async function finds(check: string, problem: RegExp, fix: RegExp): Promise<void> {
    const { state, findings = [], message } = await resultOf(check);
    assert.equal(state, "found", message);
    const one = findings.find((each) => problem.test(each.problem));
    assert.ok(one, JSON.stringify(findings));
    assert.match(one.fix, fix);
  }

  it("has nothing to say about a healthy registry", async () => {
    const { code, stdout, stderr } = await doctor();
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout.match(/^ok {6}\S+: /gm)?.length, 12, stdout);
    assert.match(stdout, /^ok {6}storage: directory: one server\.$/m);
    assert.doesNotMatch(stdout + stderr, /token=/);
    assert.deepEqual(
      cluster.changes.filter((one) => !one.endsWith("/search")),
      [],
    );
  });

  it("prints each finding with what to do, and fails", async () => {
    cluster.repositories = [];
    const { code, stdout, stderr } = await doctor();
    assert.equal(code, 1);
    const uri = `https://${host}:${registry.port}/repo`;
    assert.ok(stdout.includes(`WRONG   cosmos: Cosmos does not know ${uri}\n`), stdout);
    assert.ok(stdout.includes(`        fix: dcos package repo add --index=0 Registry ${uri}\n`));
    assert.match(stderr, /^Error: not in order: cosmos\n/);
  });

  it("lets nobody write lines of its own", async () => {
    registry.checks["storage/space"] = { Unhealthy: { message: "x\nok      disk: \u001b[2Jfine" } };
    const { stdout } = await doctor();
    assert.match(stdout, /^WRONG {3}disk: storage\/space: x ok {6}disk: \?\[2Jfine$/m);
  });

  describe("finds", () => {
    it("a service that is not there, and names the one that is", async () => {
      cluster.apps.clear();
      await finds("name", /no service dcos-registry$/, /^dcos-registry activate$/);
      cluster.apps.set("team/registry", { options: {}, polls: 0 });
      await finds("name", /but team\/registry$/, /--name=team\/registry/);
    });

    it("another service with the same load-balanced name", async () => {
      const labels = { VIP_0: "/dcos_registry:443" };
      cluster.otherApps = [{ id: "/other", portDefinitions: [{ labels }] }];
      await finds("name", /service other has the name dcos-registry\.marathon/, /rename one/);
    });

    it("another service with the name that it had before", async () => {
      const own = [{ labels: { VIP_0: "/dcos-registry:443", VIP_1: "/registry:443" } }];
      cluster.apps.clear();
      cluster.otherApps = [
        { id: "/dcos-registry", container: { portMappings: own } },
        { id: "/old", portDefinitions: [{ labels: { VIP_0: "/registry:443" } }] },
      ];
      await finds("name", /service old has the name registry\.marathon/, /remove service old if/);
    });

    it("a service without its VIP", async () => {
      cluster.apps.clear();
      cluster.otherApps = [{ id: "/dcos-registry", container: { portMappings: [{}] } }];
      await finds("name", /has the VIP \/dcos-registry:443/, /"VIP_0": "\/dcos-registry:443"/);
    });

    it("a name that does not resolve on a node", async () => {
      addresses = [];
      await finds("dns", /does not resolve on this machine/, /systemctl restart dcos-net/);
      assert.equal((await resultOf("vip")).state, "skipped");
      assert.equal((await resultOf("certificate")).state, "skipped");
    });

    it("no fault in a cluster's name outside of the cluster", async () => {
      addresses = [];
      const elsewhere = await resultOf("dns", "--root=/nonexistent");
      assert.equal(elsewhere.state, "skipped");
      assert.match(elsewhere.message ?? "", /run doctor on one of its nodes/);
    });

    it("a VIP behind which nothing listens", async () => {
      addresses = ["127.77.0.1"];
      await finds("vip", /nothing listens on port/, /dcos task log dcos-registry/);
    });

    it("a registry that does not answer, once", async () => {
      registry.instead = (_request, response) => void response.writeHead(502).end("<html>");
      await finds("registry", /HTTP 502/, /./);
      for (const check of ["storage", "disk", "clock", "version", "repository"]) {
        assert.equal((await resultOf(check)).state, "skipped", check);
      }
    });

    it("a certificate of another CA", async () => {
      await serve(new CertificateAuthority("Other CA").issue(host, "127.0.0.1", agent));
      await finds(
        "certificate",
        /does not lead to a CA.*issued by Other CA/,
        /--ca FILE.*--tls-ca/,
      );
    });

    it("a certificate for other names", async () => {
      await serve(authority.issue("other.example", "127.0.0.1", agent));
      await finds("certificate", /not made for dcos-registry\..*other\.example/, /--service-name/);
    });

    it("a certificate without the agent's address, which Admin Router asks for", async () => {
      await serve(authority.issue(host, "127.0.0.1"));
      await finds(
        "certificate",
        /lacks its agent's address 10\.0\.0\.7 as IP and as DNS/,
        /DNS:10/,
      );
    });

    it("docker that does not trust the registry", async () => {
      await rm(path.join(root, "etc/docker/certs.d"), { recursive: true });
      await finds("trust", /there is no such directory/, /dcos-registry trust --install/);
    });

    it("a clock that is off, either way", async () => {
      registry.date = new Date(Date.now() - 120_000);
      await finds("clock", /\d+ s ahead of that of the registry/, /timedatectl/);
      registry.date = new Date(Date.now() + 120_000);
      await finds("clock", /\d+ s behind that of the registry/, /timedatectl/);
    });

    it("a full disk, and whatever else the registry says of itself", async () => {
      registry.checks["storage/space"] = { Unhealthy: { message: "The floor is reached." } };
      await finds("disk", /The floor is reached/, /dcos-registry gc/);
      registry.checks["garbage-collection"] = { Unhealthy: { message: "It failed." } };
      await finds("registry", /^garbage-collection: It failed/, /log/);
    });

    it("a registry of another version", async () => {
      registry.version = "1.9.0";
      await finds(
        "version",
        /registry is 1\.9\.0, this command line 1\.2\.3/,
        /--package-version=1\.9/,
      );
      registry.version = "1.2.9";
      assert.equal((await resultOf("version")).state, "fine");
      registry.version = undefined;
      assert.equal((await resultOf("version")).state, "skipped");
    });

    it("a package that Cosmos cannot decode", async () => {
      const base = { packagingVersion: "4.0", version: "1", maintainer: "m", description: "d" };
      registry.index = [{ ...base, name: "broken", releaseVersion: 1 }];
      await finds(
        "repository",
        /Cosmos 0\.6\.3 broken 1: tags.*rule D3/,
        /^dcos-registry remove --package-name=broken --package-version=1;/,
      );
    });

    it("a /repo that is no repository", async () => {
      registry.instead = (_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify({ checks: {}, packages: [] }));
      };
      await finds("repository", /Content-Type application\/json \(rule T5\)/, /in between/);
    });

    it("a registry behind other repositories", async () => {
      cluster.repositories.unshift({ name: "Universe", uri: "https://universe.example/repo" });
      await finds(
        "cosmos",
        /repository 2: packages of Universe hide/,
        /remove Registry && .*--index=0/,
      );
    });

    it("the name that DC/OS 1.12 gave the registry", async () => {
      const uri = "https://registry.marathon.l4lb.thisdcos.directory/repo";
      cluster.repositories = [{ name: "Old", uri }];
      await finds(
        "cosmos",
        /repository Old is https:\/\/registry\..*another name/,
        /service\.former-name/,
      );
    });

    it("a repository that Cosmos cannot read", async () => {
      cluster.repositories.push({ name: "Universe", uri: "https://universe.example/repo" });
      const message =
        "Could not access data at URI for repository [Universe]: https://universe.example/repo";
      cluster.instead = (route) =>
        route === "/package/search"
          ? [400, { type: "RepositoryUriConnection", message }]
          : undefined;
      await finds("cosmos", /Could not access data/, /^dcos package repo remove Universe;/);
    });

    it("a cluster that wants a login", async () => {
      cluster.instead = () => [401, "<html>", "text/html"];
      await finds("cosmos", /HTTP 401/, /dcos auth login/);
    });
  });

  it("looks at a registry of an address alone", async () => {
    const args = ["doctor", `--url=${registry.url}`, "--ca=run/dcos/pki/CA/ca-bundle.crt"];
    const alone = await runInProcess(args, { workingDirectory: root });
    assert.equal(alone.code, 0, alone.stdout + alone.stderr);
    assert.match(alone.stdout, /^skipped name: only an address is known/m);
    assert.match(alone.stdout, /^skipped cosmos: no cluster is attached/m);
    assert.match(alone.stdout, /^ok {6}certificate: good for 127\.0\.0\.1/m);
  });

  it("goes by the name of the service", async () => {
    addresses = [];
    const args = ["doctor", "--json", "--name=team/registry", `--url=${registry.url}`];
    const { stdout } = await runInProcess([...args, `--root=${root}`], {
      workingDirectory: root,
      resolveHost: async () => addresses,
    });
    const { checks } = JSON.parse(stdout) as { checks: CheckResult[] };
    const problem = checks.find(({ check }) => check === "dns")?.findings?.[0]?.problem;
    assert.match(problem ?? "", /^teamregistry\.marathon\.l4lb\.thisdcos\.directory does not/);
  });

  it("needs no dcos on a node, and trusts the CA of its cluster there", async () => {
    const args = ["doctor", `--host=127.0.0.1:${registry.port}`, `--root=${root}`];
    const { stdout } = await runInProcess(args, { workingDirectory: root });
    assert.match(stdout, /^ok {6}registry: it answers$/m);
    assert.match(stdout, /^ok {6}certificate: good for 127\.0\.0\.1/m);
    assert.match(stdout, /^skipped name: no cluster is attached$/m);
  });
});
