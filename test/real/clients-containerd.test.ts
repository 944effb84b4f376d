/**
 * containerd's `ctr` with a `hosts.toml`, as a node with containerd is set up: the CA and the host
 * stand in that file and nowhere else.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import {
  ClientRegistry,
  type Observed,
  password,
  registryHost,
  staticToken,
  user,
  workerCounts,
  wrongPassword,
} from "../fixtures/client-registry.ts";
import { ContainerdDaemon } from "../fixtures/containerd-daemon.ts";
import { amd64, arm64, makeImage, makeIndex, type TestImage } from "../fixtures/image.ts";
import type { Finished } from "../fixtures/program.ts";
import { assertRefusedAtOnce } from "../fixtures/refusal.ts";
import { lacking } from "../fixtures/requirements.ts";

const skip = lacking("unshare", "nsenter", "ip", "curl", "skopeo", "containerd", "ctr");

for (const workers of workerCounts) {
  describe(`containerd against the registry, workers: ${workers}`, { skip }, () => {
    let registry: ClientRegistry;
    let daemon: ContainerdDaemon;
    let image: TestImage;
    let seeded: string;
    const pushed = `${registryHost}/team/image:1`;

    before(async () => {
      registry = await ClientRegistry.start("containerd", workers);
      daemon = await ContainerdDaemon.start(registry.namespace, registry.at("containerd"));
      image = await makeImage({ format: "oci", layers: [[{ path: "a", content: "containerd" }]] });
      seeded = await registry.seed(image, "seed/image:1");
      await mkdir(registry.at("hosts.d"));
    });

    after(async () => {
      await daemon?.stop();
      await registry?.close();
    });

    async function writeHosts(directory: string, lines: readonly string[]): Promise<void> {
      await mkdir(registry.at(directory, registryHost), { recursive: true });
      await writeFile(registry.at(directory, registryHost, "hosts.toml"), `${lines.join("\n")}\n`);
    }

    const images = (...args: readonly string[]): Promise<Finished> =>
      daemon.run(["images", ...args]);
    const said = (...args: readonly string[]): Promise<string> => daemon.ctr(["images", ...args]);
    const hosts = () => ["--hosts-dir", registry.at("hosts.d")];
    const pull = (...args: readonly string[]): string[] => [
      "pull",
      ...hosts(),
      "--snapshotter",
      "native",
      ...args,
    ];
    const push = (...args: readonly string[]): string[] => ["push", ...hosts(), ...args];
    const forget = (...references: readonly string[]): Promise<string> =>
      said("remove", "--sync", ...references);

    async function digestOf(reference: string): Promise<string> {
      const rows = (await said("list")).split("\n");
      const row = rows.find((each) => each.startsWith(`${reference} `)) ?? "";
      return /sha256:[0-9a-f]{64}/.exec(row)?.[0] ?? `no ${reference}`;
    }

    it("does not pull before the CA stands in hosts.toml", async () => {
      const { code, stderr } = await images(...pull(seeded));
      assert.notEqual(code, 0);
      assert.match(stderr, /x509: certificate signed by unknown authority/);
      const host = [`server = "https://${registryHost}"`, `[host."https://${registryHost}"]`];
      await writeHosts("hosts.d", [...host, `  ca = "${registry.server.developmentCaFile}"`]);
    });

    it("pulls without credentials, by tag and by digest, under the digest that was pushed", async () => {
      await said(...pull(seeded));
      assert.equal(await digestOf(seeded), image.descriptor.digest);
      await forget(seeded);
      const byDigest = `${registryHost}/seed/image@${image.descriptor.digest}`;
      await said(...pull(byDigest));
      assert.equal(await digestOf(byDigest), image.descriptor.digest);
      await forget(byDigest);
    });

    it("is refused at once when it pushes without credentials", async (t) => {
      await said(...pull(seeded));
      const target = `${registryHost}/none/image:1`;
      assertRefusedAtOnce(t, await registry.observe(() => images(...push(target, seeded))));
    });

    it("is refused at once when it pushes with a wrong password", async (t) => {
      const target = `${registryHost}/none/image:1`;
      const args = push("--user", `${user}:${wrongPassword}`, target, seeded);
      assertRefusedAtOnce(t, await registry.observe(() => images(...args)));
    });

    it("pushes with a password while somebody else pulls without, and both keep the digest", async () => {
      const other = await makeImage({
        format: "oci",
        layers: [[{ path: "b", content: "beside" }]],
      });
      const beside = await registry.seed(other, "seed/beside:1");
      await Promise.all([
        said(...push("--user", `${user}:${password}`, pushed, seeded)),
        said(...pull(beside)),
      ]);
      assert.equal(await digestOf(beside), other.descriptor.digest);
      await forget(seeded);
      await said(...pull(pushed));
      assert.equal(await digestOf(pushed), image.descriptor.digest);
    });

    it("pulls with a password too, and pushes with the static token", async () => {
      await said(...pull("--user", `${user}:${password}`, pushed));
      const target = `${registryHost}/team/by-token:1`;
      await said(...push("--user", `${user}:${staticToken}`, target, pushed));
    });

    it("finishes each of many pushes that begin with the question for credentials", async () => {
      // containerd up to 1.6.20 hangs when it is refused before its manifest is read.
      for (let tag = 0; tag < 8; tag += 1) {
        const target = `${registryHost}/team/again:${tag}`;
        await said(...push("--user", `${user}:${password}`, target, pushed));
      }
    });

    it("sends only what is missing, each blob in one PUT", async () => {
      const again = `${registryHost}/team/image:2`;
      const asked = written(
        await registry.observe(() =>
          images(...push("--user", `${user}:${password}`, again, pushed)),
        ),
      );
      assert.deepEqual(asked, ["PUT /v2/team/image/manifests/2 201"]);
      const elsewhere = `${registryHost}/apart/image:1`;
      const first = written(
        await registry.observe(() =>
          images(...push("--user", `${user}:${password}`, elsewhere, pushed)),
        ),
      );
      assert.ok(!first.some((each) => each.startsWith("PATCH")), first.join("\n"));
    });

    it("takes one platform of an index, and an index whole", async () => {
      const layers = [[{ path: "a", content: "containerd" }]];
      const children = await Promise.all(
        [amd64, arm64].map((platform) => makeImage({ format: "oci", platform, layers })),
      );
      const index = makeIndex(children, "oci");
      const name = await registry.seed(index, "seed/multi:1");
      await said(...pull("--all-platforms", name));
      assert.equal(await digestOf(name), index.descriptor.digest);
      const target = `${registryHost}/team/multi:1`;
      await said(...push("--user", `${user}:${password}`, target, name));
      await forget(name);
      await said(...pull("--platform", "linux/amd64", target));
      assert.equal(await digestOf(target), index.descriptor.digest);
    });

    it("is served as the mirror of another registry, whose name it then sends as ns", async () => {
      const mirrored = "registry.elsewhere.example";
      const directory = registry.at("mirrors", mirrored);
      await mkdir(directory, { recursive: true });
      const lines = [
        `server = "https://${mirrored}"`,
        `[host."https://${registryHost}"]`,
        `  ca = "${registry.server.developmentCaFile}"`,
        '  capabilities = ["pull", "resolve"]',
      ];
      await writeFile(`${directory}/hosts.toml`, `${lines.join("\n")}\n`);
      const from = ["--hosts-dir", registry.at("mirrors"), "--snapshotter", "native"];
      const name = `${mirrored}/seed/image:1`;
      await said("pull", ...from, name);
      assert.equal(await digestOf(name), image.descriptor.digest);
    });
  });
}

function written({ finished, requests }: Observed): string[] {
  assert.equal(finished.code, 0, finished.stderr);
  return requests
    .filter(({ method }) => method !== "GET" && method !== "HEAD")
    .map(({ method, path, status }) => `${method} ${path} ${status}`)
    .filter((each) => !each.startsWith("POST /v2/token") && !each.endsWith(" 401"));
}
