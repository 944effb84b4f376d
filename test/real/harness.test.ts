/**
 * Proves the namespace and dockerd harness against a registry that is not ours: if these fail, the
 * harness is broken, and nothing that the other suites say about our server counts.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeRunnableImage } from "../fixtures/image.ts";
import { writeImageDirectory } from "../fixtures/image-directory.ts";
import { Namespace, registryAddress, registryName } from "../fixtures/namespace.ts";
import { output, Program } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const skip = lacking("unshare", "dockerd", "docker", "docker-registry", "skopeo", "busybox");

describe("harness, against Debian's docker-registry", { skip }, () => {
  const authority = new CertificateAuthority();
  let scratch: string;
  let namespace: Namespace;
  let daemon: DockerDaemon;
  let registry: Program;

  before(async () => {
    scratch = await makeScratch("harness");
    namespace = await Namespace.create(scratch);
    registry = await startRegistry();
    daemon = await DockerDaemon.start(namespace, path.join(scratch, "docker"));
    const layout = path.join(scratch, "image");
    await writeImageDirectory(layout, await makeRunnableImage("hello from the harness"));
    const certificates = path.join(scratch, "trusted");
    await mkdir(certificates);
    await writeFile(path.join(certificates, "ca.crt"), authority.certificate);
    const target = `docker://${registryName}/harness/hello:1`;
    const trust = ["--dest-cert-dir", certificates];
    await output("skopeo", ["copy", ...trust, `dir:${layout}`, target], { place: namespace });
  });

  after(async () => {
    await daemon?.stop();
    await registry?.stop();
    await namespace?.close();
    await removeScratch(scratch);
  });

  async function startRegistry(): Promise<Program> {
    const { key, certificate } = authority.issue(registryName);
    await writeFile(path.join(scratch, "server.key"), key);
    await writeFile(path.join(scratch, "server.crt"), certificate);
    const config = {
      version: "0.1",
      storage: { filesystem: { rootdirectory: path.join(scratch, "registry") } },
      http: {
        addr: `${registryAddress}:443`,
        tls: {
          certificate: path.join(scratch, "server.crt"),
          key: path.join(scratch, "server.key"),
        },
      },
    };
    const file = path.join(scratch, "registry.json");
    await writeFile(file, JSON.stringify(config));
    const program = new Program("docker-registry", ["serve", file], { place: namespace });
    await program.waitFor("stderr", /listening on/);
    return program;
  }

  it("verifies certificates: a pull without the CA file fails with x509", async () => {
    const { code, stderr } = await daemon.docker(["pull", `${registryName}/harness/hello:1`]);
    assert.equal(code, 1);
    assert.match(stderr, /x509: certificate signed by unknown authority/);
  });

  it("pulls and runs an image once the CA file is there, for exactly that host", async () => {
    await namespace.trust(`${registryName}:443`, authority.certificate);
    const withPort = `${registryName}:443/harness/hello:1`;
    await daemon.output(["pull", withPort]);
    const line = await daemon.output(["run", "--rm", "--network=none", withPort]);
    assert.equal(line, "hello from the harness");
    const { stderr } = await daemon.docker(["pull", `${registryName}/harness/hello:1`]);
    assert.match(stderr, /x509/);
  });

  it("ends every process when the namespace closes", async () => {
    const other = await makeScratch("harness-end");
    const short = await Namespace.create(other);
    const sleeper = new Program("sh", ["-c", "echo inside; exec sleep 600"], { place: short });
    await sleeper.waitFor("stdout", /inside/); // a namespace that is gone cannot be entered
    await short.close();
    const { signal, code } = await sleeper.ended();
    assert.ok(signal === "SIGKILL" || code === 137, `${signal} ${code}`);
    await removeScratch(other);
  });
});
