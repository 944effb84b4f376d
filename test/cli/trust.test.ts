/** Protects what agents are told to do to trust the registry, and that each well-known mistake is seen. */
import assert from "node:assert/strict";
import { lstat, mkdir, readdir, readFile, readlink, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { output } from "../fixtures/program.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { type CliRun, runInProcess } from "./run-in-process.ts";

const host = "dcos-registry.marathon.l4lb.thisdcos.directory";
const forms = [host, `${host}:443`];

describe("trust", () => {
  const authority = new CertificateAuthority("Cluster CA");
  let root: string;
  let files: string;

  before(async () => {
    files = await makeScratch("trust-ca");
    await writeFile(path.join(files, "ca.crt"), authority.certificate);
  });
  after(() => removeScratch(files));
  beforeEach(async () => {
    root = await makeScratch("trust");
    await mkdir(path.join(root, "etc/docker"), { recursive: true });
  });
  afterEach(() => removeScratch(root));

  const at = (...parts: readonly string[]): string => path.join(root, ...parts);
  const docker = (...parts: readonly string[]): string => at("etc/docker/certs.d", ...parts);
  const run = (...args: readonly string[]): Promise<CliRun> =>
    runInProcess(["trust", "--ca=ca.crt", `--root=${root}`, ...args], { workingDirectory: files });

  it("installs both docker directories, and changes nothing the second time", async () => {
    const first = await run("--install");
    assert.equal(first.code, 0, first.stderr);
    const installed = forms
      .map((form) => `Installed /etc/docker/certs.d/${form}/ca.crt\n`)
      .join("");
    assert.equal(first.stdout, installed);
    for (const form of forms) {
      assert.equal(
        (await readFile(docker(form, "ca.crt"), "utf8")).trim(),
        authority.certificate.trim(),
      );
      assert.deepEqual(await readdir(docker(form)), ["ca.crt"]);
    }
    const second = await run("--install");
    assert.equal(second.stdout, installed.replaceAll("Installed", "Unchanged"));
    const checked = await run("--check");
    assert.deepEqual([checked.code, checked.stdout], [0, "Docker trusts the registry\n"]);
  });

  it("installs what containerd and the Mesos fetcher read, where they are", async () => {
    await mkdir(at("etc/containerd"), { recursive: true });
    await mkdir(at("var/lib/dcos/pki/tls/certs"), { recursive: true });
    assert.equal((await run("--install")).code, 0);
    const toml = await readFile(at("etc/containerd/certs.d", `${host}:443`, "hosts.toml"), "utf8");
    assert.match(toml, new RegExp(`^server = "https://${host}:443"$`, "m"));
    assert.match(toml, new RegExp(`ca = "/etc/containerd/certs.d/${host}:443/ca.crt"`));
    const certs = at("var/lib/dcos/pki/tls/certs");
    const hash = await output("openssl", [
      "x509",
      "-hash",
      "-noout",
      "-in",
      path.join(files, "ca.crt"),
    ]);
    assert.ok((await lstat(path.join(certs, `${hash}.0`))).isSymbolicLink());
    assert.equal(await readlink(path.join(certs, `${hash}.0`)), "dcos-registry-0.crt");
    assert.deepEqual((await readdir(certs)).sort(), [`${hash}.0`, "dcos-registry-0.crt"].sort());
    await run("--install");
    assert.equal((await readdir(certs)).length, 2);
  });

  it("shows commands that do the same, which a shell takes", async () => {
    const { code, stdout } = await run("--for=docker,mesos");
    assert.equal(code, 0);
    await mkdir(at("var/lib/dcos/pki/tls/certs"), { recursive: true });
    const script = stdout
      .replaceAll("sudo ", "")
      .replaceAll(" /etc/", ` ${root}/etc/`)
      .replaceAll(" /var/", ` ${root}/var/`);
    await output("bash", ["-eu", "-c", script]);
    for (const form of forms) assert.ok(await readFile(docker(form, "ca.crt")));
    assert.equal((await readdir(at("var/lib/dcos/pki/tls/certs"))).length, 2);
    assert.equal((await run("--check")).code, 0);
  });

  it("goes by the service's name, or by the host that is given", async () => {
    await run("--install", "--name=/my/custom/registry");
    assert.ok(await lstat(docker("mycustomregistry.marathon.l4lb.thisdcos.directory")));
    await run("--install", "--host=registry.example:5000");
    assert.deepEqual(await readdir(docker("registry.example:5000")), ["ca.crt"]);
    assert.ok(!(await readdir(docker())).includes("registry.example"));
  });

  describe("recognises", () => {
    beforeEach(() => run("--install"));

    const mistakes: readonly [string, () => Promise<unknown>, RegExp][] = [
      [
        "the directory without port alone",
        () => rename(docker(`${host}:443`), at("away")),
        /:443: there is no such directory: images named \S+:443\/… are not trusted/,
      ],
      [
        "the directory with port alone",
        () => rename(docker(host), at("away")),
        /directory: there is no such directory/,
      ],
      [
        "a file named ca.pem",
        () => rename(docker(host, "ca.crt"), docker(host, "ca.pem")),
        /it holds ca\.pem; Docker takes files named \*\.crt only/,
      ],
      [
        "a file named ca.cert, which is a client's",
        () => rename(docker(host, "ca.crt"), docker(host, "ca.cert")),
        /takes ca\.cert as a client certificate and misses ca\.key/,
      ],
      [
        "the CA of another cluster",
        () => writeFile(docker(host, "ca.crt"), new CertificateAuthority("Other").certificate),
        /it holds another CA than the registry's/,
      ],
      [
        "a file that is no certificate",
        () => writeFile(docker(host, "ca.crt"), "DER\n"),
        /ca\.crt holds no PEM certificate/,
      ],
      ["an empty directory", () => rename(docker(host, "ca.crt"), at("ca")), /holds no CA certif/],
      [
        "the misprint of an old page",
        () => mkdir(docker("registry.marathon.l4lb.thisdcos.:443")),
        /thisdcos\.:443: its name is not quite dcos-registry/,
      ],
      [
        "a letter too few",
        () => mkdir(docker(host.replace("thisdcos", "thsdcos"))),
        /its name is not quite dcos-registry/,
      ],
      ["another port", () => mkdir(docker(`${host}:8443`)), /:8443: it is for port 8443/],
      ["a missing port", () => mkdir(docker(`${host}:`)), /the port is missing behind the colon/],
    ];
    for (const [name, mistake, message] of mistakes) {
      it(name, async () => {
        await mistake();
        const { code, stderr } = await run("--check");
        assert.equal(code, 1);
        assert.match(stderr, message);
        assert.match(stderr, /\n {2}hint: /);
        const json = JSON.parse((await run("--check", "--json")).stdout);
        assert.equal(json.trusted, false);
      });
    }

    it("nothing in the directories of other registries", async () => {
      for (const other of ["quay.io", "registry.example:5000", "localhost:5000"]) {
        await mkdir(docker(other));
      }
      assert.equal((await run("--check")).code, 0);
    });
  });

  it("asks for a CA where it finds none, and refuses what makes no sense", async () => {
    const bare = (...args: readonly string[]) =>
      runInProcess(["trust", `--root=${root}`, ...args], { workingDirectory: root });
    assert.match((await bare()).stderr, /which CA\? there is none of a cluster/);
    await mkdir(at("run/dcos/pki/CA"), { recursive: true });
    await writeFile(at("run/dcos/pki/CA/ca-bundle.crt"), authority.certificate);
    assert.equal((await bare("--install")).code, 0);
    for (const wrong of ["--host=a b", "--for=dockr", "--ca=none.crt"]) {
      assert.notEqual((await run(wrong)).code, 0, wrong);
    }
    assert.equal((await run("--install", "--check")).code, 2);
  });
});
