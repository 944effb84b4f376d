/**
 * docker 20.10 with several logins on one host: clients with different configurations talk to one
 * daemon, as people and agents do, and the server's log tells what the daemon asked.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import {
  ClientRegistry,
  password,
  registryHost,
  user,
  workerCounts,
  wrongPassword,
} from "../fixtures/client-registry.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { makeImage, type TestImage } from "../fixtures/image.ts";
import type { Finished } from "../fixtures/program.ts";
import { assertRefusedAtOnce } from "../fixtures/refusal.ts";
import { lacking } from "../fixtures/requirements.ts";

const skip = lacking("unshare", "nsenter", "ip", "curl", "skopeo", "dockerd", "docker");

for (const workers of workerCounts) {
  describe(`docker 20.10 clients against the registry, workers: ${workers}`, { skip }, () => {
    let registry: ClientRegistry;
    let daemon: DockerDaemon;
    let image: TestImage;
    let seeded: string;
    const pushed = `${registryHost}/team/image:1`;

    before(async () => {
      registry = await ClientRegistry.start("docker-clients", workers);
      daemon = await DockerDaemon.start(registry.namespace, registry.at("docker"));
      image = await makeImage({ layers: [[{ path: "a", content: "docker" }]] });
      seeded = await registry.seed(image, "seed/image:1");
      for (const name of ["nobody", "wrong", "member"]) await mkdir(registry.at(name));
    });

    after(async () => {
      await daemon?.stop();
      await registry?.close();
    });

    /** @param who has a configuration directory of that name, and with it logins of its own */
    const docker = (who: string, ...args: readonly string[]): Promise<Finished> =>
      daemon.docker(["--config", registry.at(who), ...args]);
    const said = (who: string, ...args: readonly string[]): Promise<string> =>
      daemon.output(["--config", registry.at(who), ...args]);

    /** Writes what `docker login` writes, without asking the server whether it is right. */
    async function storeLogin(who: string, secret: string): Promise<void> {
      const auth = Buffer.from(`${user}:${secret}`).toString("base64");
      const config = { auths: { [registryHost]: { auth } } };
      await writeFile(registry.at(who, "config.json"), JSON.stringify(config));
    }

    const digestIn = (text: string): string => /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? text;
    const idOf = (reference: string): Promise<string> =>
      said("nobody", "image", "inspect", "--format", "{{.Id}}", reference);
    const forget = (...references: readonly string[]): Promise<string> =>
      said("nobody", "rmi", "--force", ...references);

    it("does not pull before it trusts the CA", async () => {
      const { code, stderr } = await docker("nobody", "pull", seeded);
      assert.equal(code, 1);
      assert.match(stderr, /x509: certificate signed by unknown authority/);
      await registry.trust();
    });

    it("pulls without credentials, by tag and by digest, under the digest that was pushed", async () => {
      assert.equal(digestIn(await said("nobody", "pull", seeded)), image.descriptor.digest);
      const byDigest = `${registryHost}/seed/image@${image.descriptor.digest}`;
      await forget(seeded);
      await said("nobody", "pull", byDigest);
      await forget(byDigest);
    });

    it("asks two questions when the image is present", async () => {
      await said("nobody", "pull", seeded);
      const again = await registry.observe(() => docker("nobody", "pull", seeded));
      assert.match(again.finished.stdout, /up to date/);
      const asked = again.requests.map(({ method, path }) => `${method} ${path}`);
      assert.deepEqual(
        asked.filter((each) => each.includes("/seed/")),
        ["HEAD /v2/seed/image/manifests/1"],
      );
    });

    it("is refused at once when it pushes without login", async (t) => {
      const target = `${registryHost}/none/image:1`;
      await said("nobody", "tag", seeded, target);
      assertRefusedAtOnce(t, await registry.observe(() => docker("nobody", "push", target)));
    });

    it("is refused at once when it pushes with a wrong password", async (t) => {
      await storeLogin("wrong", wrongPassword);
      const target = `${registryHost}/none/image:1`;
      assertRefusedAtOnce(t, await registry.observe(() => docker("wrong", "push", target)));
    });

    it("is refused at once when it logs in with a wrong password", async (t) => {
      const login = ["login", "--username", user, "--password-stdin", registryHost];
      const args = ["--config", registry.at("nobody"), ...login];
      const options = { input: wrongPassword };
      assertRefusedAtOnce(t, await registry.observe(() => daemon.docker(args, options)));
    });

    it("pushes when logged in while somebody else pulls without credentials", async () => {
      const login = ["login", "--username", user, "--password-stdin", registryHost];
      const args = ["--config", registry.at("member"), ...login];
      await daemon.output(args, { input: password });
      await said("nobody", "tag", seeded, pushed);
      const other = await makeImage({ layers: [[{ path: "b", content: "beside" }]] });
      const beside = await registry.seed(other, "seed/beside:1");
      await Promise.all([said("member", "push", pushed), said("nobody", "pull", beside)]);
      await forget(beside);
    });

    it("pulls back what it pushed, with and without login, by the digest that it was told", async () => {
      const told = digestIn(await said("member", "push", pushed));
      const id = await idOf(pushed);
      for (const who of ["nobody", "member"]) {
        await forget(pushed, seeded);
        assert.equal(digestIn(await said(who, "pull", pushed)), told);
        assert.equal(await idOf(pushed), id);
        await said(who, "pull", seeded);
      }
    });

    it("runs into the refusal, not into a retry, when an agent's stored password is wrong", async (t) => {
      await forget(pushed, seeded);
      assertRefusedAtOnce(t, await registry.observe(() => docker("wrong", "pull", seeded)));
      await said("nobody", "pull", seeded);
    });
  });
}
