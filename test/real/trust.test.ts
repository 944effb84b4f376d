/**
 * D8: `trust --install` on an agent, after which docker, containerd and curl, which Mesos runs, pull; each mistake
 * that `trust --check` names really keeps them from it, and `doctor` says which command is needed.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { cli } from "../fixtures/cli-process.ts";
import { ClientRegistry, registryHost } from "../fixtures/client-registry.ts";
import { ContainerdDaemon } from "../fixtures/containerd-daemon.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeImage } from "../fixtures/image.ts";
import { registryName } from "../fixtures/namespace.ts";
import type { Finished } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";

const needs = ["unshare", "nsenter", "ip", "skopeo", "curl", "dockerd", "docker"];
const skip = lacking(...needs, "containerd", "ctr", "openssl");

describe("an agent's trust", { skip }, () => {
  let registry: ClientRegistry;
  let daemon: DockerDaemon;

  before(async () => {
    registry = await ClientRegistry.start("trust");
    daemon = await DockerDaemon.start(registry.namespace, registry.at("docker"));
    const image = await makeImage({ layers: [[{ path: "a", content: "trusted" }]] });
    await registry.seed(image, "trusted/image:1");
  });
  after(async () => {
    await daemon?.stop();
    await registry?.close();
  });
  afterEach(() => rm(certs(), { recursive: true, force: true }));

  const certs = (...parts: readonly string[]): string =>
    path.join(registry.namespace.dockerDirectory, "certs.d", ...parts);
  const trust = (...args: readonly string[]): Promise<Finished> =>
    cli(["trust", "--for=docker", "--ca", registry.server.developmentCaFile, ...args], {
      place: registry.namespace,
    });
  const pull = (host: string): Promise<Finished> =>
    daemon.docker(["pull", `${host}/trusted/image:1`]);

  it("is enough for docker, by both forms of the name", async () => {
    assert.match((await pull(registryHost)).stderr, /x509/);
    assert.equal((await trust("--check")).code, 1);
    const { code, stderr } = await trust("--install");
    assert.equal(code, 0, stderr);
    for (const host of [registryName, registryHost]) {
      const pulled = await pull(host);
      assert.equal(pulled.code, 0, pulled.stderr);
    }
    assert.equal((await trust("--check")).code, 0);
  });

  const mistakes: readonly [string, string, () => Promise<unknown>, RegExp][] = [
    [
      "a missing form of the name",
      registryHost,
      () => rename(certs(registryHost), certs("elsewhere")),
      /:443: there is no such directory/,
    ],
    [
      "a file ca.pem",
      registryName,
      () => rename(certs(registryName, "ca.crt"), certs(registryName, "ca.pem")),
      /it holds ca\.pem/,
    ],
    [
      "a file ca.cert",
      registryName,
      () => rename(certs(registryName, "ca.crt"), certs(registryName, "ca.cert")),
      /client certificate and misses ca\.key/,
    ],
    [
      "the misprint of an old page",
      registryHost,
      () => rename(certs(registryHost), certs(registryHost.replace("directory", ""))),
      /its name is not quite/,
    ],
    [
      "a missing port",
      registryHost,
      () => rename(certs(registryHost), certs(`${registryName}:`)),
      /the port is missing/,
    ],
  ];
  for (const [name, host, mistake, message] of mistakes) {
    it(`is broken by ${name}, which the check names`, async () => {
      await trust("--install");
      await mistake();
      assert.equal((await pull(host)).code, 1);
      const { code, stderr } = await trust("--check");
      assert.equal(code, 1);
      assert.match(stderr, message);
    });
  }

  describe("of containerd", () => {
    let containerd: ContainerdDaemon;
    const hosts = "/etc/containerd/certs.d";
    const inHosts = (...parts: readonly string[]): string =>
      registry.at("etc-containerd/certs.d", ...parts);
    const trustIt = (...args: readonly string[]): Promise<Finished> =>
      cli(["trust", "--for=containerd", "--ca", registry.server.developmentCaFile, ...args], {
        place: registry.namespace,
      });
    const fetchImage = (host: string): Promise<Finished> =>
      containerd.run(["images", "pull", "--hosts-dir", hosts, `${host}/trusted/image:1`]);

    before(async () => {
      await mkdir("/etc/containerd", { recursive: true });
      await mkdir(registry.at("etc-containerd"));
      await registry.output("mount", ["--bind", registry.at("etc-containerd"), "/etc/containerd"]);
      containerd = await ContainerdDaemon.start(registry.namespace, registry.at("containerd"));
    });
    after(() => containerd?.stop());
    afterEach(() => rm(inHosts(), { recursive: true, force: true }));

    it("is enough, by both forms of the name", async () => {
      assert.match((await fetchImage(registryHost)).stderr, /x509/);
      const { code, stderr } = await trustIt("--install");
      assert.equal(code, 0, stderr);
      for (const host of [registryName, registryHost]) {
        const fetched = await fetchImage(host);
        assert.equal(fetched.code, 0, fetched.stderr);
      }
      assert.equal((await trustIt("--check")).code, 0);
    });

    const wrong: readonly [string, () => Promise<unknown>, RegExp][] = [
      [
        "a directory that is read in its place",
        () => mkdir(inHosts(registryHost.replace(":443", "_443_"))),
        /_443_: containerd reads it in place of/,
      ],
      [
        "a file that names no CA",
        () =>
          writeFile(
            inHosts(registryHost, "hosts.toml"),
            `[host."https://${registryHost}"]\n  capabilities = ["pull", "resolve"]\n`,
          ),
        /it names no CA/,
      ],
    ];
    for (const [name, mistake, message] of wrong) {
      it(`is broken by ${name}, which the check names`, async () => {
        await trustIt("--install");
        await mistake();
        assert.equal((await fetchImage(registryHost)).code, 1);
        const { code, stderr } = await trustIt("--check");
        assert.equal(code, 1);
        assert.match(stderr, message);
      });
    }
  });

  describe("of Mesos", () => {
    const root = (): string => registry.at("mesos-root");
    const inCerts = (...parts: readonly string[]): string =>
      path.join(root(), "var/lib/dcos/pki/tls/certs", ...parts);
    const trustIt = (...args: readonly string[]): Promise<Finished> =>
      cli(
        [
          ...["trust", "--for=mesos", "--root", root()],
          ...["--ca", registry.server.developmentCaFile, ...args],
        ],
        { place: registry.namespace },
      );
    /** As the containerizer fetches: with the directory as the only trust. */
    const curl = async (): Promise<number | null> => {
      const manifest = `https://${registryHost}/v2/trusted/image/manifests/1`;
      const flags = ["-s", "-S", "-L", "-i", "--raw", "--http1.1"];
      return (await registry.run("curl", [...flags, "--capath", inCerts(), manifest])).code;
    };
    /** Of curl: the certificate could not be verified. */
    const notTrusted = 60;

    it("is enough, and broken by a missing link, which the check names", async () => {
      await mkdir(inCerts(), { recursive: true });
      assert.equal(await curl(), notTrusted);
      assert.match((await trustIt("--check")).stderr, /no file in it is the registry's CA/);
      assert.equal((await trustIt("--install")).code, 0);
      assert.equal(await curl(), 0);
      assert.equal((await trustIt("--check")).code, 0);
      const [link = ""] = (await readdir(inCerts())).filter((name) => name.endsWith(".0"));
      await rename(inCerts(link), inCerts(link.replace(/0$/, "1")));
      assert.equal(await curl(), notTrusted);
      assert.match((await trustIt("--check")).stderr, /no link \w+\.0 leads to it/);
    });
  });

  describe("and doctor on the agent", () => {
    const root = (): string => registry.at("agent-root");
    const doctor = (): Promise<Finished> =>
      cli(["doctor", "--root", root()], { place: registry.namespace, env: { HOME: root() } });

    before(async () => {
      await mkdir(path.join(root(), "run/dcos/pki/CA"), { recursive: true });
      await mkdir(path.join(root(), "etc"));
      await symlink(registry.namespace.dockerDirectory, path.join(root(), "etc/docker"));
      const bundle = path.join(root(), "run/dcos/pki/CA/ca-bundle.crt");
      await writeFile(bundle, await registry.server.developmentCa());
    });

    it("finds that docker cannot pull, and names the command after which it can", async () => {
      assert.equal((await pull(registryHost)).code, 1);
      const { code, stdout, stderr } = await doctor();
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^Error: not in order: trust$/m);
      const [, command = ""] =
        /WRONG {3}trust: .*\n +fix: dcos-registry (trust --install)/.exec(stdout) ?? [];
      const fixed = await cli([...command.split(" "), "--root", root()], {
        place: registry.namespace,
      });
      assert.equal(fixed.code, 0, fixed.stderr);
      assert.equal((await pull(registryHost)).code, 0);
      const after = await doctor();
      assert.equal(after.code, 0, after.stdout);
      for (const check of ["dns", "vip", "certificate", "trust", "registry", "repository"]) {
        assert.match(after.stdout, new RegExp(`^ok {6}${check}: `, "m"));
      }
    });
  });
});
