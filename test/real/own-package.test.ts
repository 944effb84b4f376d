/**
 * D6: the product's own Catalog package is built, added to a running registry and installed from
 * there, as Marathon would do it: the registry runs from its own package.
 */
import assert from "node:assert/strict";
import { chown, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { PackageDefinition } from "../../src/packages/package-definition.ts";
import { renderMarathon } from "../../src/packages/render-marathon.ts";
import { appProblems, type MarathonApp } from "../deploy/marathon-app.ts";
import { cliOutput } from "../fixtures/cli-process.ts";
import { ClientRegistry, registryHost, staticToken } from "../fixtures/client-registry.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { registryName } from "../fixtures/namespace.ts";
import { repositoryAccept } from "../fixtures/package-references.ts";
import { type Finished, output, run } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { projectRoot } from "../fixtures/server-process.ts";

const skip = lacking("unshare", "nsenter", "ip", "dockerd", "docker", "curl", "skopeo", "busybox");
const nobody = 65534;

describe("the registry from its own package", { skip }, () => {
  let registry: ClientRegistry;
  let daemon: DockerDaemon;
  let entry: PackageDefinition;
  let app: MarathonApp & { readonly container: { readonly docker: { readonly image: string } } };
  let container: string;

  before(async () => {
    registry = await ClientRegistry.start("own-package");
    await registry.trust();
    daemon = await DockerDaemon.start(registry.namespace, registry.at("docker"));
  });

  after(async () => {
    await daemon?.stop();
    await registry?.close();
  });

  const release = (what: string, directory: string): Promise<string> =>
    output(
      process.execPath,
      [path.join(projectRoot, "dist/src/release.js"), what, "--output-directory", directory],
      { env: { HOME: registry.scratch }, place: registry.namespace },
    );
  const operate = (...args: readonly string[]): Promise<string> =>
    cliOutput(args, { cwd: registry.scratch, place: registry.namespace, timeoutMs: 600_000 });
  const inside = (...command: readonly string[]): Promise<Finished> =>
    daemon.docker(["exec", container, ...command]);

  it("is built without a network, byte for byte the same every time", async () => {
    await release("package", registry.at("package"));
    await release("image", registry.at("image"));
    await release("image", registry.at("again"));
    await output("cmp", [registry.at("image/image.tar"), registry.at("again/image.tar")]);
    await operate("migrate", "--package-directory=package", "--output-directory=.");
    const definition = "--build-definition-file=package-registry-0.1.0.json";
    const said = await operate("build", definition, "--image-archive=image/image.tar");
    assert.match(said, /^Created DC\/OS Universe Package \S*package-registry-0\.1\.0\.dcos$/m);
  });

  it("is added to a running registry, whose /repo names only what it serves", async () => {
    await operate("add", "--dcos-file=package-registry-0.1.0.dcos", ...connection());
    const headers = ["--header", `Accept: ${repositoryAccept}`];
    const trust = ["--cacert", registry.server.developmentCaFile];
    const text = await registry.output("curl", ["-fsS", ...trust, ...headers, url("/repo")]);
    [entry] = (JSON.parse(text) as { packages: [PackageDefinition] }).packages;
    const options = { registry: { "token-secret-path": "dcos-registry-token", workers: 2 } };
    app = JSON.parse(renderMarathon(entry, options) ?? "");
    assert.deepEqual(appProblems(app), []);
    assert.ok(app.container.docker.image.startsWith(`${registryHost}/package-registry/dcos/`));
  });

  it("starts from its image, without rights and on a read-only root", async () => {
    const [data, secrets] = [registry.at("agent-data"), registry.at("agent-secrets")];
    for (const directory of [data, secrets]) await mkdir(directory);
    await chown(data, nobody, nobody);
    await writeFile(path.join(secrets, "token"), `${staticToken}\n`);
    await chown(path.join(secrets, "token"), nobody, nobody);
    const [first] = app.container.volumes;
    const volumes = [`${data}:${first?.containerPath}`, `${secrets}:/mnt/mesos/sandbox/secrets`];
    await daemon.output(["pull", app.container.docker.image]);
    container = await daemon.output([
      ...["run", "--detach", "--read-only", "--network=host", "--cap-drop=ALL"],
      ...volumes.flatMap((volume) => ["--volume", volume]),
      ...Object.entries(app.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
      app.container.docker.image,
    ]);
    const listening = await daemon.waitForLog(container, /^Listening on (\S+)/m);
    assert.equal(listening, "https://0.0.0.0:8443");
  });

  it("is found healthy by the command that Marathon has run", async () => {
    const [check] = app.healthChecks;
    const { code, stdout, stderr } = await inside("/bin/sh", "-c", check?.command.value ?? "");
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "/health answers 200\n");
    const other = await inside("/bin/sh", "-c", "ls /");
    assert.equal(other.code, 2);
    assert.match(other.stderr, /no shell/);
  });

  it("serves metrics and takes the very package it came from", async () => {
    const metrics = await registry.output("curl", ["-fsS", "http://127.0.0.1:9090/metrics"]);
    assert.match(metrics, /^process_resident_memory_bytes /m);
    const ca = registry.at("agent-data/tls/ca.crt");
    const target = ["--url=https://127.0.0.1:8443", "--ca", ca, "--token-file=token"];
    await operate("add", "--dcos-file=package-registry-0.1.0.dcos", ...target);
    const listed = JSON.parse(await operate("list", "--json", ...target));
    assert.equal(listed.packages[0].name, "package-registry");
  });

  it("runs as nobody and says what it is made of", async () => {
    const { stdout } = await inside(
      "/usr/bin/node",
      "--print",
      `process.getuid() + " " + JSON.parse(require("fs").readFileSync("/opt/dcos-registry/sbom.cdx.json")).bomFormat`,
    );
    assert.equal(stdout, `${nobody} CycloneDX\n`);
  });

  it("ends in order when Marathon stops it", async () => {
    await daemon.output(["stop", "--time=30", container]);
    const code = await daemon.output(["inspect", "--format", "{{.State.ExitCode}}", container]);
    assert.equal(code, "0");
  });

  it("brings the command line along, which dcos can start", async () => {
    const binary = entry.resource?.cli?.binaries?.linux?.["x86-64"];
    assert.ok(binary);
    const trust = ["--cacert", registry.server.developmentCaFile];
    const zip = registry.at("cli.zip");
    await registry.output("curl", ["-fsS", ...trust, "--output", zip, binary.url]);
    const target = registry.at("plugin");
    await mkdir(target);
    await output("busybox", ["unzip", "-q", zip, "-d", target]);
    const launcher = path.join(target, "bin/dcos-registry");
    // Without a PATH that has a Node: the archive brings its own.
    const env = { PATH: "/bin", HOME: registry.scratch };
    const { code, stdout, stderr } = await run("/bin/sh", [launcher, "registry", "--info"], {
      env,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Manage the packages/);
  });

  const url = (route: string): string => `https://${registryName}${route}`;
  const connection = (): string[] => [
    ...["--url", registry.server.url, "--ca", registry.server.developmentCaFile],
    ...["--token-file", registry.at("token")],
  ];
});
