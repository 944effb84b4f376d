/**
 * D8: `trust --install` on an agent, after which docker pulls; and each mistake that `trust --check` names
 * really keeps docker from pulling.
 */
import assert from "node:assert/strict";
import { rename, rm } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { cli } from "../fixtures/cli-process.ts";
import { ClientRegistry, registryHost } from "../fixtures/client-registry.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeImage } from "../fixtures/image.ts";
import { registryName } from "../fixtures/namespace.ts";
import type { Finished } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";

const skip = lacking("unshare", "nsenter", "ip", "skopeo", "curl", "dockerd", "docker");

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
});
