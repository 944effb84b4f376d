/**
 * podman and buildah, each with storage of its own (vfs), logged in or not: the CA comes from
 * `certs.d`, and what they pull back is what they pushed.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import {
  ClientRegistry,
  password,
  registryHost,
  user,
  workerCounts,
  wrongPassword,
} from "../fixtures/client-registry.ts";
import { makeImage, type TestImage } from "../fixtures/image.ts";
import type { Finished, ProgramOptions } from "../fixtures/program.ts";
import { assertRefusedAtOnce } from "../fixtures/refusal.ts";
import { lacking } from "../fixtures/requirements.ts";

const tools = ["podman", "buildah"] as const;
const runs = tools.flatMap((tool) => workerCounts.map((workers) => ({ tool, workers })));

for (const { tool, workers } of runs) {
  const skip = lacking("unshare", "nsenter", "ip", "curl", "skopeo", "conmon", tool);

  describe(`${tool} against the registry, workers: ${workers}`, { skip }, () => {
    let registry: ClientRegistry;
    let image: TestImage;
    let seeded: string;
    const pushed = `${registryHost}/team/image:1`;

    before(async () => {
      registry = await ClientRegistry.start(tool, workers);
      image = await makeImage({ format: "oci", layers: [[{ path: "a", content: tool }]] });
      seeded = await registry.seed(image, "seed/image:1");
    });

    after(() => registry?.close());

    /** `machine` names one of several storages; nobody is logged in anywhere unless told. */
    function at(machine: string, args: readonly string[]): string[] {
      const places = [
        "--root",
        registry.at(machine, "root"),
        "--runroot",
        registry.at(machine, "run"),
      ];
      return [...places, "--storage-driver=vfs", ...args];
    }

    /** Every machine has its own place for logins, empty at first: both tools insist on the file. */
    async function run(
      machine: string,
      args: readonly string[],
      options: ProgramOptions = {},
    ): Promise<Finished> {
      const authFile = registry.at(`${machine}-auth.json`);
      await writeFile(authFile, "{}", { flag: "wx" }).catch(() => undefined);
      const env = { REGISTRY_AUTH_FILE: authFile, BUILDAH_ISOLATION: "chroot" };
      return registry.run(tool, at(machine, args), { env, ...options });
    }

    async function succeed(...[machine, args, options]: Parameters<typeof run>): Promise<string> {
      const { code, stdout, stderr } = await run(machine, args, options);
      assert.equal(code, 0, `${tool} ${args.join(" ")}\n${stdout}${stderr}`);
      return stdout.trim();
    }

    function login(machine: string, secret: string): Promise<Finished> {
      const args = ["login", "--username", user, "--password-stdin", registryHost];
      return run(machine, args, { input: secret });
    }

    /** Brings the image into a machine's storage without the registry. @returns its id */
    async function load(machine: string): Promise<string> {
      const source = `dir:${await registry.directoryOf(image)}`;
      return succeed(machine, ["pull", "--quiet", source]);
    }

    it("does not pull before it trusts the CA", async () => {
      const { code, stderr } = await run("agent", ["pull", seeded]);
      assert.notEqual(code, 0);
      assert.match(stderr, /x509: certificate signed by unknown authority/);
      await registry.trust();
    });

    it("pulls without credentials, by tag and by digest", async () => {
      const id = await load("source");
      assert.equal(await succeed("agent", ["pull", "--quiet", seeded]), id);
      const byDigest = `${registryHost}/seed/image@${image.descriptor.digest}`;
      assert.equal(await succeed("agent", ["pull", "--quiet", byDigest]), id);
    });

    it("is refused at once when it pushes without login", async (t) => {
      const id = await load("source");
      const args = ["push", id, `docker://${registryHost}/none/image:1`];
      assertRefusedAtOnce(t, await registry.observe(() => run("source", args)));
    });

    it("is refused at once at a login or push with a wrong password", async (t) => {
      const id = await load("source");
      assertRefusedAtOnce(t, await registry.observe(() => login("source", wrongPassword)));
      const creds = ["--creds", `${user}:${wrongPassword}`];
      const args = ["push", ...creds, id, `docker://${registryHost}/none/image:1`];
      assertRefusedAtOnce(t, await registry.observe(() => run("source", args)));
    });

    it("pushes when logged in while somebody else pulls without credentials", async () => {
      const id = await load("source");
      assert.equal((await login("source", password)).code, 0);
      const digestFile = ["--digestfile", registry.at("digest")];
      await Promise.all([
        succeed("source", ["push", ...digestFile, id, `docker://${pushed}`]),
        succeed("other-agent", ["pull", "--quiet", seeded]),
      ]);
    });

    it("gives others the digest that it pushed, and itself when logged in", async () => {
      const digest = (await readFile(registry.at("digest"), "utf8")).trim();
      const inspect = ["inspect", "--format", "{{.Digest}}", `docker://${pushed}`];
      assert.equal(await registry.output("skopeo", inspect), digest);
      const byDigest = `${registryHost}/team/image@${digest}`;
      const id = await load("source");
      assert.equal(await succeed("agent", ["pull", "--quiet", byDigest]), id);
      assert.equal(await succeed("source", ["pull", "--quiet", pushed]), id);
    });

    it("sends no blob again that is there", async () => {
      const id = await load("source");
      const { finished, requests } = await registry.observe(() =>
        run("source", ["push", id, `docker://${registryHost}/team/image:2`]),
      );
      assert.equal(finished.code, 0, finished.stderr);
      const asked = requests.map(({ method, path, status }) => `${method} ${path} ${status}`);
      assert.ok(asked.includes("PUT /v2/team/image/manifests/2 201"), asked.join("\n"));
      // A mount may be asked for, and is granted: it sends no bytes.
      assert.ok(!asked.some((each) => /^(PATCH|PUT) .*uploads|^POST .* 202$/.test(each)));
    });
  });
}
