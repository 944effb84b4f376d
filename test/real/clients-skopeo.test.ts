/** skopeo: copy, sync, inspect and delete, with the CA of `certs.d` and credentials for writes only. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import {
  ClientRegistry,
  password,
  registryHost,
  staticToken,
  user,
  workerCounts,
  wrongPassword,
} from "../fixtures/client-registry.ts";
import { amd64, arm64, makeImage, makeIndex, type TestImage } from "../fixtures/image.ts";
import { registryName } from "../fixtures/namespace.ts";
import type { Finished } from "../fixtures/program.ts";
import { assertRefusedAtOnce } from "../fixtures/refusal.ts";
import { lacking } from "../fixtures/requirements.ts";

const skip = lacking("unshare", "nsenter", "ip", "curl", "skopeo");

for (const workers of workerCounts) {
  describe(`skopeo against the registry, workers: ${workers}`, { skip }, () => {
    let registry: ClientRegistry;
    let image: TestImage;
    /** Put there beforehand, for those who pull. */
    let seeded: string;

    before(async () => {
      registry = await ClientRegistry.start("skopeo", workers);
      image = await makeImage({ format: "oci", layers: [[{ path: "a", content: "skopeo" }]] });
      seeded = await registry.seed(image, "seed/image:1");
    });

    after(() => registry?.close());

    const skopeo = (...args: readonly string[]): Promise<Finished> => registry.run("skopeo", args);
    const said = (...args: readonly string[]): Promise<string> => registry.output("skopeo", args);
    const credentials = (secret: string) => `${user}:${secret}`;
    const source = async (each = image) => `dir:${await registry.directoryOf(each)}`;
    const target = (name: string) => `docker://${registryHost}/${name}`;

    it("is stopped by an unknown CA, and by a CA that was copied for another host", async () => {
      const other = await skopeo("inspect", `docker://${seeded}`);
      assert.match(other.stderr, /x509: certificate signed by unknown authority/);
      await registry.namespace.trust(registryName, await registry.server.developmentCa());
      assert.match((await skopeo("inspect", `docker://${seeded}`)).stderr, /x509/);
      await registry.trust();
    });

    it("inspects an image, its configuration and its bytes without credentials", async () => {
      const document = JSON.parse(await said("inspect", `docker://${seeded}`));
      assert.equal(document.Digest, image.descriptor.digest);
      assert.deepEqual(document.RepoTags, ["1"]);
      const config = JSON.parse(await said("inspect", "--config", `docker://${seeded}`));
      assert.equal(config.architecture, "amd64");
      const raw = image.contents.get(image.descriptor.digest)?.bytes.toString();
      const byDigest = target(`seed/image@${image.descriptor.digest}`);
      assert.equal(await said("inspect", "--raw", byDigest), raw);
    });

    it("is refused at once when it pushes without credentials", async (t) => {
      const from = await source();
      assertRefusedAtOnce(
        t,
        await registry.observe(() => skopeo("copy", from, target("none/image:1"))),
      );
      const seen = await skopeo("inspect", target("none/image:1"));
      assert.match(seen.stderr, /manifest unknown|name unknown/i);
    });

    it("is refused at once when it pushes, or logs in, with a wrong password", async (t) => {
      const from = await source();
      const creds = ["--dest-creds", credentials(wrongPassword)];
      assertRefusedAtOnce(
        t,
        await registry.observe(() => skopeo("copy", ...creds, from, target("none/image:1"))),
      );
      const login = ["login", "--authfile", registry.at("wrong.json"), "--username", user];
      const input = { input: wrongPassword };
      const args = [...login, "--password-stdin", registryHost];
      assertRefusedAtOnce(t, await registry.observe(() => registry.run("skopeo", args, input)));
    });

    it("pushes when logged in while somebody else pulls without credentials", async () => {
      const authFile = registry.at("auth.json");
      const login = ["login", "--authfile", authFile, "--username", user, "--password-stdin"];
      await registry.output("skopeo", [...login, registryHost], { input: password });
      const from = await source();
      const pushed = target("team/image:1");
      await Promise.all([
        said("copy", "--dest-authfile", authFile, from, pushed),
        said("copy", `docker://${seeded}`, `dir:${registry.at("pulled-beside")}`),
      ]);
      const digest = await said("inspect", "--format", "{{.Digest}}", pushed);
      assert.equal(digest, image.descriptor.digest);
      await said("inspect", "--authfile", authFile, pushed);
    });

    it("takes the static token as password", async () => {
      const creds = ["--dest-creds", credentials(staticToken)];
      await said("copy", ...creds, await source(), target("team/by-token:1"));
    });

    it("gets back every byte that it pushed", async () => {
      const copy = registry.at("copied-back");
      await said("copy", target("team/image:1"), `dir:${copy}`);
      const manifest = await readFile(`${copy}/manifest.json`);
      assert.deepEqual(manifest, image.contents.get(image.descriptor.digest)?.bytes);
      for (const [digest, { bytes }] of image.contents) {
        if (digest === image.descriptor.digest) continue;
        assert.deepEqual(await readFile(`${copy}/${digest.slice("sha256:".length)}`), bytes);
      }
    });

    it("copies an index with all its platforms, mounting what is there", async () => {
      const layers = [[{ path: "a", content: "skopeo" }]];
      const children = await Promise.all(
        [amd64, arm64].map((platform) => makeImage({ format: "oci", platform, layers })),
      );
      const index = makeIndex(children, "oci");
      const creds = ["--dest-creds", credentials(password)];
      const copy = ["copy", "--all", "--preserve-digests", ...creds, await source(index)];
      await said(...copy, target("team/multi:1"));
      const digest = await said("inspect", "--raw", target("team/multi:1"));
      assert.equal(digest, index.contents.get(index.descriptor.digest)?.bytes.toString());
      const copied = registry.at("index-back");
      await said("copy", "--all", target("team/multi:1"), `dir:${copied}`);
      const arm = index.contents.get(children[1]?.descriptor.digest ?? index.descriptor.digest);
      const name = `${arm?.descriptor.digest.slice("sha256:".length)}.manifest.json`;
      assert.deepEqual(await readFile(`${copied}/${name}`), arm?.bytes);
    });

    it("syncs a repository out without credentials and in with them", async () => {
      const directory = registry.at("sync");
      await said("sync", "--scoped", "--src", "docker", "--dest", "dir", seeded, directory);
      assert.notEqual((await readdir(directory, { recursive: true })).length, 0);
      const creds = ["--dest-creds", credentials(password)];
      const into = `${registryHost}/mirror`;
      await said(
        "sync",
        ...creds,
        "--src",
        "docker",
        "--dest",
        "docker",
        `${registryHost}/seed/image`,
        into,
      );
      const digest = await said("inspect", "--format", "{{.Digest}}", target("mirror/image:1"));
      assert.equal(digest, image.descriptor.digest);
    });

    it("deletes with credentials only", async (t) => {
      const name = target("mirror/image:1");
      assertRefusedAtOnce(t, await registry.observe(() => skopeo("delete", name)));
      await said("inspect", name);
      await said("delete", "--creds", credentials(password), name);
      assert.match((await skopeo("inspect", name)).stderr, /manifest unknown/i);
      await said("inspect", `docker://${seeded}`);
    });
  });
}
