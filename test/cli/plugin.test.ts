/**
 * Protects the command line as a plugin: called as `dcos registry …` calls it, with each of the variables that
 * `dcos` passes, and with what its own file says where it is called without `dcos`.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { type CliRun, runInProcess } from "./run-in-process.ts";

const token = "eyJhbGciOiJSUzI1NiJ9.acs.token";

/** Commands that ask a registry; the others work on files, or on the cluster itself. */
const asking = "add describe list remove doctor export restore gc scrub health".split(" ");
const notAsking = "migrate build activate trust serve".split(" ");

describe("the command line as a plugin of dcos", () => {
  const authority = new CertificateAuthority("Cluster CA");
  let scratch: string;
  let registry: FakeRegistry;
  /** What `dcos` passes to a plugin, of a cluster that it has been set up for. */
  let passed: Record<string, string>;

  before(async () => {
    scratch = await makeScratch("plugin");
    const tls = authority.issue("127.0.0.1");
    registry = await FakeRegistry.start({ tls, prefix: "/service/dcos-registry" });
    await writeFile(path.join(scratch, "dcos_ca.crt"), authority.certificate);
    const other = new CertificateAuthority("Other CA");
    await writeFile(path.join(scratch, "other.crt"), other.certificate);
    passed = {
      DCOS_URL: `https://127.0.0.1:${registry.port}`,
      DCOS_ACS_TOKEN: token,
      DCOS_TLS_CA_PATH: path.join(scratch, "dcos_ca.crt"),
      DCOS_CLI_VERSION: "1.2.0",
      DCOS_CLI_EXECUTABLE_PATH: "/usr/local/bin/dcos",
    };
  });
  after(async () => {
    await registry?.stop();
    await removeScratch(scratch);
  });
  beforeEach(() => {
    registry.asked.length = 0;
    registry.authorizations.length = 0;
  });

  function plugin(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = passed,
  ): Promise<CliRun> {
    return runInProcess(["registry", ...args], { environment, workingDirectory: scratch });
  }
  const without = (name: string): Record<string, string> =>
    Object.fromEntries(Object.entries(passed).filter(([each]) => each !== name));

  it("says what it is, as dcos asks when it installs it", async () => {
    const { code, stdout } = await plugin(["--info"], {});
    assert.deepEqual([code, stdout.split("\n").length], [0, 2]);
    assert.equal((await plugin(["--version"], {})).stdout, "1.2.3\n");
    assert.equal((await plugin(["--help"], {})).code, 0);
  });

  it("asks the attached cluster, by its URL, token and CA", async () => {
    const { code, stderr } = await plugin(["list"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(registry.asked, ["POST /service/dcos-registry/package/list"]);
    assert.deepEqual(registry.authorizations, [`token=${token}`]);
    const url = { ...passed, DCOS_URL: `${passed["DCOS_URL"]}/` };
    assert.equal((await plugin(["list"], url)).code, 0);
    assert.equal(registry.asked[1], registry.asked[0]);
  });

  it("trusts the cluster's CA alone, unless it is told to trust anybody", async () => {
    const other = { ...passed, DCOS_TLS_CA_PATH: path.join(scratch, "other.crt") };
    for (const environment of [without("DCOS_TLS_CA_PATH"), other]) {
      const { code, stderr } = await plugin(["list"], environment);
      assert.equal(code, 5, stderr);
      assert.match(stderr, /certificate/);
    }
    assert.deepEqual(registry.authorizations, [], "the token goes to nobody who is not trusted");
    for (const value of ["1", "true", "TRUE"]) {
      const insecure = { ...without("DCOS_TLS_CA_PATH"), DCOS_TLS_INSECURE: value };
      assert.equal((await plugin(["list"], insecure)).code, 0, value);
    }
    for (const value of ["0", "false", ""]) {
      const secure = { ...without("DCOS_TLS_CA_PATH"), DCOS_TLS_INSECURE: value };
      assert.equal((await plugin(["list"], secure)).code, 5, value);
    }
  });

  it("lets its own options win over what dcos passes", async () => {
    const other = { ...passed, DCOS_TLS_CA_PATH: path.join(scratch, "other.crt") };
    assert.equal((await plugin(["list", "--ca=dcos_ca.crt"], other)).code, 0);
    await writeFile(path.join(scratch, "token"), "of-my-own\n");
    assert.equal((await plugin(["list", "--token-file=token"])).code, 0);
    assert.equal(registry.authorizations.at(-1), "Bearer of-my-own");
    const direct = [`--url=${passed["DCOS_URL"]}/service/dcos-registry`, "--ca=dcos_ca.crt"];
    assert.equal((await plugin(["list", ...direct])).code, 0);
    assert.equal(registry.authorizations.at(-1), undefined, "the token is the cluster's alone");
  });

  it("is as talkative as dcos was told to be", async () => {
    const said = async (verbosity: string, ...flags: readonly string[]): Promise<string> =>
      (await plugin(["list", ...flags], { ...passed, DCOS_VERBOSITY: verbosity })).stderr;
    for (const silent of ["", "0", "3", "x"]) assert.doesNotMatch(await said(silent), /^>/m);
    for (const loud of ["1", "2"]) {
      const text = await said(loud);
      assert.match(
        text,
        /^> POST https:\/\/127\.0\.0\.1:\d+\/service\/dcos-registry\/package\/list\n/,
      );
      assert.doesNotMatch(text, new RegExp(token), "never with the token");
      assert.doesNotMatch(await said(loud, "-q"), /^>/m, "its own flags win");
    }
    assert.match(await said("0", "-v"), /^> POST/);
  });

  it("shows no token when it cannot go on", async () => {
    for (const DCOS_ACS_TOKEN of [token, "two words", "line\nbreak"]) {
      const environment = { ...passed, DCOS_ACS_TOKEN, DCOS_URL: "http://cluster.example" };
      const { code, stdout, stderr } = await plugin(["list", "-vv"], environment);
      assert.notEqual(code, 0);
      assert.ok(!`${stdout}${stderr}`.includes(DCOS_ACS_TOKEN), stderr);
    }
  });

  it("takes --name, or its variable, in every command that asks a registry", async () => {
    const known = commandTable.map(({ name }) => name).sort();
    assert.deepEqual([...asking, ...notAsking].sort(), known);
    for (const command of asking) {
      const { stdout } = await plugin([command, "--help"]);
      for (const option of ["--name <service>", "--url <url>", "--ca <file>", "--token-file"]) {
        assert.ok(stdout.includes(option), `${command} lacks ${option}`);
      }
    }
    const environment = { ...passed, DCOS_REGISTRY_NAME: "/team/registry" };
    await plugin(["list"], environment);
    await plugin(["list", "--name=dcos-registry"], environment);
    assert.deepEqual(registry.asked, [
      "POST /service/team/registry/package/list",
      "POST /service/dcos-registry/package/list",
    ]);
  });

  describe("outside of dcos", () => {
    const toml = async (...lines: readonly string[]): Promise<Record<string, string>> => {
      const folder = path.join(scratch, ".dcos/clusters/0a1b");
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, "attached"), "");
      const core = ["[core]", `dcos_url = "${passed["DCOS_URL"]}"`, ...lines];
      const text = [...core, "timeout = 5", "", "[cluster]", 'name = "first"'].join("\n");
      await writeFile(path.join(folder, "dcos.toml"), text);
      return { HOME: scratch };
    };

    it("reads the attached cluster's own file: URL, token and trust", async () => {
      const ca = path.join(scratch, "dcos_ca.crt");
      const environment = await toml(`dcos_acs_token = "${token}"`, `ssl_verify = "${ca}"`);
      const { code, stderr } = await plugin(["list"], environment);
      assert.equal(code, 0, stderr);
      assert.deepEqual(registry.authorizations, [`token=${token}`]);
    });

    it("verifies, and does not where that file says so", async () => {
      assert.equal((await plugin(["list"], await toml("ssl_verify = true"))).code, 5);
      assert.equal((await plugin(["list"], await toml("ssl_verify = false"))).code, 0);
      assert.equal((await plugin(["list"], await toml('ssl_verify = "False"'))).code, 0);
    });

    it("lets variables win over that file", async () => {
      const environment = await toml('dcos_acs_token = "old"', "ssl_verify = true");
      const own = { ...environment, DCOS_ACS_TOKEN: token, DCOS_SSL_VERIFY: "dcos_ca.crt" };
      assert.equal((await plugin(["list"], own)).code, 0);
      assert.deepEqual(registry.authorizations, [`token=${token}`]);
    });
  });
});
