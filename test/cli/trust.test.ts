/** Protects what agents are told to do to trust the registry, and that each well-known mistake is seen. */
import assert from "node:assert/strict";
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
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
        authority.certificate.trim().replaceAll("\r", ""),
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
    const { code: checked, stderr } = await run("--check");
    assert.equal(checked, 0, stderr);
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

  describe("recognises for containerd", () => {
    const containerd = (...parts: readonly string[]): string =>
      at("etc/containerd/certs.d", ...parts);
    const toml = (form: string): string => containerd(form, "hosts.toml");
    beforeEach(async () => {
      await mkdir(at("etc/containerd"), { recursive: true });
      await run("--install");
    });

    it("nothing after it was installed", async () => {
      const { code, stdout, stderr } = await run("--check");
      const fine = "Docker trusts the registry\ncontainerd trusts the registry\n";
      assert.deepEqual([code, stdout], [0, fine], stderr);
    });

    const mistakes: readonly [string, () => Promise<unknown>, RegExp][] = [
      [
        "a missing directory",
        () => rename(containerd(`${host}:443`), at("away")),
        /containerd\/certs\.d\/\S+:443: there is no such directory/,
      ],
      [
        "a directory that comes first",
        () => mkdir(containerd(`${host}_443_`)),
        /_443_: containerd reads it in place of \S+:443/,
      ],
      [
        "a file that names no CA",
        () => writeFile(toml(host), `server = "https://${host}"\n`),
        /hosts\.toml: it names no CA/,
      ],
      [
        "a CA file that is not there",
        () => rename(containerd(host, "ca.crt"), at("ca")),
        /hosts\.toml: no CA certificate is where it looks/,
      ],
      [
        "the CA of another cluster",
        () => writeFile(containerd(host, "ca.crt"), new CertificateAuthority("Other").certificate),
        /names another CA than the registry's/,
      ],
      [
        "another server",
        () => writeFile(toml(host), '[host."https://mirror.example"]\n  ca = ["ca.crt"]\n'),
        /sends requests to https:\/\/mirror\.example, not to/,
      ],
      [
        "verification that is off",
        () => writeFile(toml(host), `[host."https://${host}"]\n  skip_verify = true\n`),
        /skip_verify lets anybody answer/,
      ],
      [
        "another directory in its configuration",
        () => writeFile(at("etc/containerd/config.toml"), 'config_path = "/etc/certs.d"\n'),
        /config_path is \/etc\/certs\.d/,
      ],
    ];
    for (const [name, mistake, message] of mistakes) {
      it(name, async () => {
        await mistake();
        const { code, stderr } = await run("--check", "--for=containerd");
        assert.equal(code, 1);
        assert.match(stderr, message);
        assert.equal((await run("--check", "--for=docker")).code, 0);
      });
    }

    it("nothing in files that name the CA otherwise, or leave it to Docker's", async () => {
      await writeFile(toml(host), `[host."https://${host}"]\n  ca = ["ca.crt"]\n`);
      await rename(toml(`${host}:443`), at("toml"));
      await writeFile(
        at("etc/containerd/config.toml"),
        'config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"\n',
      );
      const { code, stderr } = await run("--check", "--for=containerd");
      assert.equal(code, 0, stderr);
    });
  });

  describe("recognises for Mesos", () => {
    const certs = (...parts: readonly string[]): string =>
      at("var/lib/dcos/pki/tls/certs", ...parts);
    const check = (): Promise<CliRun> => run("--check", "--for=mesos");
    const link = async (): Promise<string> =>
      (await readdir(certs())).find((name) => /^[0-9a-f]{8}\.0$/.test(name)) ?? "";
    beforeEach(async () => {
      await mkdir(certs(), { recursive: true });
      await run("--install");
    });

    it("nothing after it was installed, and nothing where the cluster has put its CA", async () => {
      assert.deepEqual(
        [(await check()).code, (await check()).stdout],
        [0, "Mesos trusts the registry\n"],
      );
      await rename(certs("dcos-registry-0.crt"), certs(await link()));
      assert.equal((await check()).code, 0);
    });

    it("a CA that is not there", async () => {
      for (const name of await readdir(certs())) await rm(certs(name));
      const { code, stderr } = await check();
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^\/var\/lib\/dcos\/pki\/tls\/certs: no file in it is the registry's CA/,
      );
    });

    it("a file without its link, or behind a gap in the numbers", async () => {
      const name = await link();
      await rename(certs(name), certs(name.replace(/0$/, "1")));
      assert.match((await check()).stderr, new RegExp(`no link ${name} leads to it`));
      await rm(certs(name.replace(/0$/, "1")));
      assert.match((await check()).stderr, /dcos-registry-0\.crt: no link/);
    });

    it("a link that leads to another certificate", async () => {
      await writeFile(certs("dcos-registry-0.crt"), new CertificateAuthority("Other").certificate);
      assert.equal((await check()).code, 1);
      // With a second number for the right one, curl looks on.
      await writeFile(certs((await link()).replace(/0$/, "1")), authority.certificate);
      assert.equal((await check()).code, 0);
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
