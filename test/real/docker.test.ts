/**
 * S2: what an agent's dockerd does with our server, in a namespace where the server has the
 * registry's DC/OS name on a non-loopback address and port 443.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import bcrypt from "bcryptjs";
import { BuildMachine } from "../fixtures/build-machine.ts";
import { cliOutput } from "../fixtures/cli-process.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeRunnableImage } from "../fixtures/image.ts";
import { writeImageDirectory } from "../fixtures/image-directory.ts";
import { Namespace, registryAddress, registryName } from "../fixtures/namespace.ts";
import { makeTestPackage } from "../fixtures/package-directory.ts";
import type { RepositoryDocument } from "../fixtures/package-references.ts";
import { output, run } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const skip = lacking("unshare", "nsenter", "ip", "dockerd", "docker", "skopeo", "curl", "busybox");
const line = "hello from an air-gapped agent";
const password = "correct horse";
const token = "0123456789-a-static-token";

describe("dockerd against the registry", { skip }, () => {
  let scratch: string;
  let machine: BuildMachine;
  let namespace: Namespace;
  let server: ServerProcess;
  let daemon: DockerDaemon;
  /** As `/repo` prints it. */
  let image: string;

  before(async () => {
    scratch = await makeScratch("docker");
    machine = await BuildMachine.create(path.join(scratch, "connected"));
    const made = await makeTestPackage(scratch, machine.origin, { line });
    const { file } = await machine.bundle(await machine.definition(made.directory));
    namespace = await Namespace.create(scratch);
    server = await startServer();
    await addBundle(file);
    image = (await readRepository()).packages[0]?.resource?.assets?.container?.docker["main"] ?? "";
    daemon = await DockerDaemon.start(namespace, path.join(scratch, "docker"));
  });

  after(async () => {
    await daemon?.stop();
    await server?.stop();
    await namespace?.close();
    await machine?.close();
    await removeScratch(scratch);
  });

  async function startServer(): Promise<ServerProcess> {
    const file = (name: string) => path.join(scratch, name);
    await writeFile(file("htpasswd"), `ci:${await bcrypt.hash(password, 4)}\n`);
    await writeFile(file("token"), `${token}\n`, { mode: 0o600 });
    const names = ["--listen", `${registryAddress}:443`, "--public-url", `https://${registryName}`];
    const identity = ["--htpasswd", file("htpasswd"), "--token-file", file("token")];
    const flags = [...names, ...identity];
    return ServerProcess.start({ directory: scratch, place: namespace, flags });
  }

  async function addBundle(file: string): Promise<void> {
    const trust = ["--ca", server.developmentCaFile, "--token-file", path.join(scratch, "token")];
    const target = ["--url", `https://${registryName}`, ...trust];
    await cliOutput(["add", "--dcos-file", file, ...target], { place: namespace });
  }

  /** By curl and by name, as any program on the agent would. */
  async function readRepository(): Promise<RepositoryDocument> {
    const trust = ["--cacert", server.developmentCaFile];
    const url = `https://${registryName}/repo`;
    return JSON.parse(await output("curl", ["-fsS", ...trust, url], { place: namespace }));
  }

  async function skopeoTrust(): Promise<string> {
    await namespace.trust(registryName, await server.developmentCa());
    return path.join(namespace.dockerDirectory, "certs.d", registryName);
  }

  it("is refused by a dockerd that does not trust the CA", async () => {
    const { code, stderr } = await daemon.docker(["pull", image]);
    assert.equal(code, 1);
    assert.match(stderr, /x509: certificate signed by unknown authority/);
  });

  it("runs the image by the very reference that /repo prints, once the CA is copied", async () => {
    assert.ok(image.startsWith(`${registryName}:443/test-service/`), image);
    await namespace.trust(`${registryName}:443`, await server.developmentCa());
    await daemon.output(["pull", image]);
    assert.equal(await daemon.output(["run", "--rm", "--network=none", image]), line);
  });

  it("gives the image by digest under the same bytes", async () => {
    const pulled = await daemon.output(["inspect", "--format", "{{index .RepoDigests 0}}", image]);
    await daemon.output(["rmi", "--force", image]);
    await daemon.output(["pull", pulled]);
    assert.equal(await daemon.output(["run", "--rm", "--network=none", pulled]), line);
  });

  it("refuses a push without login, at once and in words", async () => {
    await daemon.output(["pull", image]);
    const target = `${registryName}:443/team/pushed:1`;
    await daemon.output(["tag", image, target]);
    const started = Date.now();
    const { code, stdout, stderr } = await daemon.docker(["push", target]);
    assert.equal(code, 1);
    assert.match(stdout + stderr, /unauthorized|denied|authentication/i);
    assert.ok(Date.now() - started < 10_000, "dockerd retried a refusal");
  });

  it("refuses a wrong password at login", async () => {
    const login = ["login", "--username", "ci", "--password-stdin", `${registryName}:443`];
    const { code, stderr } = await daemon.docker(login, { input: "wrong" });
    assert.equal(code, 1);
    assert.match(stderr, /unauthorized/i);
  });

  it("takes docker login and push, and anybody pulls what was pushed", async () => {
    const login = ["login", "--username", "ci", "--password-stdin", `${registryName}:443`];
    await daemon.output(login, { input: password });
    const source = path.join(scratch, "other-image");
    await writeImageDirectory(source, await makeRunnableImage("pushed by docker", "oci"));
    const target = `${registryName}:443/team/pushed:1`;
    const archive = `docker-archive:${scratch}/other.tar:${target}`;
    await output("skopeo", ["copy", `dir:${source}`, archive]);
    await daemon.output(["load", "--input", path.join(scratch, "other.tar")]);
    await daemon.output(["push", target]);
    await daemon.output(["logout", `${registryName}:443`]);
    await daemon.output(["rmi", "--force", target]);
    await daemon.output(["pull", target]);
    const printed = await daemon.output(["run", "--rm", "--network=none", target]);
    assert.equal(printed, "pushed by docker");
  });

  it("takes the static token as docker password with any user name", async () => {
    const login = ["login", "--username", "anyone", "--password-stdin", `${registryName}:443`];
    await daemon.output(login, { input: token });
    const target = `${registryName}:443/team/by-token:1`;
    await daemon.output(["tag", image, target]);
    await daemon.output(["push", target]);
    await daemon.output(["logout", `${registryName}:443`]);
  });

  it("is read and written by skopeo, and an OCI image keeps its bytes", async () => {
    const source = path.join(scratch, "skopeo-image");
    const made = await makeRunnableImage("copied by skopeo", "oci");
    await writeImageDirectory(source, made);
    const trust = await skopeoTrust();
    const target = `docker://${registryName}/team/skopeo:1`;
    const place = { place: namespace };
    const refused = ["copy", "--dest-cert-dir", trust, `dir:${source}`, target];
    assert.notEqual((await run("skopeo", refused, place)).code, 0);
    const login = ["--dest-creds", `ci:${password}`, "--dest-cert-dir", trust];
    await output("skopeo", ["copy", ...login, `dir:${source}`, target], place);
    const inspect = ["inspect", "--cert-dir", trust, "--format", "{{.Digest}}", target];
    assert.equal(await output("skopeo", inspect, place), made.descriptor.digest);
    const copied = path.join(scratch, "skopeo-copy");
    await output("skopeo", ["copy", "--src-cert-dir", trust, target, `dir:${copied}`], place);
  });

  it("gives dockerd an OCI image that was pushed by another tool", async () => {
    const reference = `${registryName}/team/skopeo:1`;
    await daemon.output(["pull", reference]);
    const printed = await daemon.output(["run", "--rm", "--network=none", reference]);
    assert.equal(printed, "copied by skopeo");
  });

  it("gives the Mesos containerizer schema 2 with the exact content type", async () => {
    const types = ["v2+json", "v1+json", "v1+prettyjws"]
      .map((type) => `application/vnd.docker.distribution.manifest.${type}`)
      .join();
    const url = `https://${registryName}/v2/team/skopeo/manifests/1`;
    const mesos = ["-s", "-S", "-L", "-i", "--raw", "--http1.1", "-H", `Accept: ${types}`];
    const trust = ["--cacert", server.developmentCaFile];
    const answer = await output("curl", [...mesos, ...trust, url], { place: namespace });
    assert.match(answer, /^HTTP\/1\.1 200 /);
    const schema2 = "application/vnd.docker.distribution.manifest.v2+json";
    assert.equal(/^content-type: (.*?)\r?$/im.exec(answer)?.[1], schema2);
  });
});
