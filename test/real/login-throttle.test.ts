/**
 * What real clients do when too many wrong passwords came from their address: they say so and end,
 * and never turn the refusal into a storm of further attempts.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { ClientRegistry, registryHost, user, wrongPassword } from "../fixtures/client-registry.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeImage } from "../fixtures/image.ts";
import { registryName } from "../fixtures/namespace.ts";
import type { Finished } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";

const programs = ["unshare", "nsenter", "ip", "curl", "skopeo", "podman", "dockerd", "docker"];
const skip = lacking(...programs);
/** Attempts that the registry takes from one address in a minute. */
const attempts = 10;
const mostRequests = 25;

describe("clients behind an address with too many wrong passwords", { skip }, () => {
  let registry: ClientRegistry;
  let daemon: DockerDaemon;
  let seeded: string;

  before(async () => {
    registry = await ClientRegistry.start("throttle");
    daemon = await DockerDaemon.start(registry.namespace, registry.at("docker"));
    const image = await makeImage({ layers: [[{ path: "a", content: "throttled" }]] });
    seeded = await registry.seed(image, "seed/image:1");
    await registry.trust();
    await mkdir(registry.at("nobody"));
    await writeFile(registry.at("auth.json"), "{}");
  });

  after(async () => {
    await daemon?.stop();
    await registry?.close();
  });

  async function ask(secret: string): Promise<string> {
    return registry.output("curl", [
      ...["-s", "-o", "/dev/null", "-w", "%{http_code} %header{retry-after}"],
      ...["--cacert", registry.server.developmentCaFile, "-u", `${user}:${secret}`],
      `https://${registryName}/v2/token?service=x`,
    ]);
  }

  /** Until the next attempt is refused, whatever it is. */
  async function guess(): Promise<void> {
    for (let tried = 0; tried <= attempts; tried += 1) {
      if ((await ask(`guess ${tried}`)).startsWith("429 ")) return;
    }
    throw new Error("the registry let all attempts through");
  }

  const args = ["login", "--username", user, "--password-stdin", registryHost];
  const options = { input: wrongPassword, timeoutMs: 400_000 };
  const logins: Readonly<Record<string, () => Promise<Finished>>> = {
    docker: () => daemon.docker(["--config", registry.at("nobody"), ...args], options),
    skopeo: () =>
      registry.run("skopeo", [...args, "--authfile", registry.at("auth.json")], options),
    podman: () =>
      registry.run("podman", [...args, "--authfile", registry.at("auth.json")], options),
  };

  /** With a password that was stored without asking whether it is right. */
  const pushes: typeof logins = {
    docker: async () => {
      const target = `${registryHost}/none/image:1`;
      const config = ["--config", registry.at("nobody")];
      const auths = { [registryHost]: { auth: btoa(`${user}:${wrongPassword}`) } };
      await daemon.output([...config, "pull", seeded]);
      await daemon.output([...config, "tag", seeded, target]);
      await writeFile(registry.at("nobody", "config.json"), JSON.stringify({ auths }));
      return daemon.docker([...config, "push", target], options);
    },
    skopeo: () => {
      const creds = ["--dest-creds", `${user}:${wrongPassword}`];
      const copy = [`docker://${seeded}`, `docker://${registryHost}/none/image:1`];
      return registry.run("skopeo", ["copy", ...creds, ...copy], options);
    },
  };
  const cases = [logins, pushes].flatMap((each) => Object.entries(each));

  for (const [position, [client, act]] of cases.entries()) {
    const what = position < Object.keys(logins).length ? "logs in" : "pushes";
    it(`${client} is told when it ${what}, and ends`, async (context) => {
      await guess();
      const { finished, requests, ms } = await registry.observe(act);
      const asked = requests.map(({ method, path, status }) => `${method} ${path} ${status}`);
      context.diagnostic(`${Math.round(ms)} ms, ${asked.length} requests: ${asked.join(", ")}`);
      context.diagnostic(finished.stderr.trim());
      assert.notEqual(finished.code, 0);
      assert.ok(asked.length <= mostRequests, asked.join("\n"));
      assert.ok(
        requests.some(({ status }) => status === 429),
        asked.join("\n"),
      );
    });
  }

  it("and pulls without credentials go on", async () => {
    await guess();
    const pulled = await registry.run("skopeo", ["inspect", `docker://${seeded}`]);
    assert.equal(pulled.code, 0, pulled.stderr);
  });
});
