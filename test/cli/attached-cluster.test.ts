/** Protects which cluster a command outside of `dcos` talks to: the one that `dcos` is attached to. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { parseSettings, withAttachedCluster } from "../../src/cli/attached-cluster.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { runInProcess } from "./run-in-process.ts";

describe("attached cluster", () => {
  let home: string;
  before(async () => {
    home = await makeScratch("attached");
    await cluster("one", 'dcos_url = "https://one.example"\ndcos_acs_token = "secret-1"', "first");
    await cluster("two", "dcos_url = 'https://two.example' # other\nssl_verify = false", "second");
    await writeFile(path.join(home, ".dcos/clusters/one/attached"), "");
  });
  after(() => removeScratch(home));

  async function cluster(id: string, core: string, name: string): Promise<void> {
    const folder = path.join(home, ".dcos/clusters", id);
    await mkdir(folder, { recursive: true });
    await writeFile(
      path.join(folder, "dcos.toml"),
      `[core]\n${core}\n\n[cluster]\nname = "${name}"\n`,
    );
  }

  it("is the one that is marked, with its token", async () => {
    assert.deepEqual(await withAttachedCluster({ HOME: home }), {
      HOME: home,
      DCOS_URL: "https://one.example",
      DCOS_ACS_TOKEN: "secret-1",
    });
  });

  it("is another one by id or name", async () => {
    for (const wanted of ["two", "second"]) {
      const { DCOS_URL, DCOS_SSL_VERIFY } = await withAttachedCluster({
        HOME: "/nowhere",
        DCOS_DIR: path.join(home, ".dcos"),
        DCOS_CLUSTER: wanted,
      });
      assert.deepEqual([DCOS_URL, DCOS_SSL_VERIFY], ["https://two.example", "false"]);
    }
    const unknown = { HOME: home, DCOS_CLUSTER: "three" };
    assert.deepEqual(await withAttachedCluster(unknown), unknown);
  });

  it("is the only one of old versions, which have one file", async () => {
    const old = path.join(home, "old");
    await mkdir(old);
    await writeFile(path.join(old, "dcos.toml"), '[core]\ndcos_url = "http://old.example"\n');
    const { DCOS_URL } = await withAttachedCluster({ DCOS_DIR: old });
    assert.equal(DCOS_URL, "http://old.example");
  });

  it("is not looked for where dcos passes its own, or where there is none", async () => {
    for (const environment of [{ HOME: home, DCOS_URL: "https://x" }, { HOME: "/nowhere" }, {}]) {
      assert.equal(await withAttachedCluster(environment), environment);
    }
  });

  it("is read from text as dcos writes it, and from nothing else", () => {
    const text = 'a = "x"\n[s] # c\nb="q\\"q\\\\" # c\n c = true\nd = 1\n[broken\ne = "no\nf = "y"';
    assert.deepEqual(
      [...parseSettings(text)],
      [
        [".a", "x"],
        ["s.b", 'q"q\\'],
        ["s.c", "true"],
        ["s.f", "y"],
      ],
    );
  });

  it("is asked through its service path, with its token", async () => {
    const registry = await FakeRegistry.start({ prefix: "/service/team/registry" });
    await cluster(
      "one",
      `dcos_url = "http://127.0.0.1:${registry.port}"\ndcos_acs_token = "t"`,
      "x",
    );
    const options = { workingDirectory: home, environment: { HOME: home, DCOS_VERBOSITY: "1" } };
    const { code, stderr } = await runInProcess(["list", "--name=team/registry"], options);
    await registry.stop();
    assert.equal(code, 0, stderr);
    assert.deepEqual(registry.asked, ["POST /service/team/registry/package/list"]);
    assert.deepEqual(registry.authorizations, ["token=t"]);
    assert.match(stderr, /> POST http/);
  });
});
