/** Protects which registry is asked, whom it trusts, and that no secret ends up where others see it. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { after, before, beforeEach, describe, it } from "node:test";
import { resolveConnection } from "../../src/cli/connection.ts";
import type { CliContext } from "../../src/cli/context.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { type CliRun, type CliRunOptions, runInProcess } from "./run-in-process.ts";

const secret = "s3cr3t-t0ken";
const authority = new CertificateAuthority();
let directory: string;
let registry: FakeRegistry;

before(async () => {
  directory = await makeScratch("cli-connection");
  registry = await FakeRegistry.start({ prefix: "/service/group/dcos-registry" });
  await writeFile(path.join(directory, "token"), `# for CI\n\n  ${secret}\nsecond-line\n`);
});
after(async () => {
  await registry.stop();
  await removeScratch(directory);
});
beforeEach(() => {
  registry.asked.length = 0;
  registry.authorizations.length = 0;
});

function list(args: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  return runInProcess(["list", ...args], { workingDirectory: directory, ...options });
}

function context(environment: Record<string, string>, workingDirectory = directory): CliContext {
  const { stdout, stderr } = process;
  const terminal = { stdout, stderr, interactive: false, columns: 80 };
  const { signal } = new AbortController();
  return { terminal, environment, workingDirectory, signal };
}

describe("the address", () => {
  it("keeps the path prefix of --url, with and without a slash at its end", async () => {
    for (const url of [registry.url, `${registry.url}/`]) {
      assert.equal((await list(["--url", url])).code, 0);
    }
    assert.deepEqual(
      new Set(registry.asked),
      new Set(["POST /service/group/dcos-registry/package/list"]),
    );
  });

  it("refuses what is no address of a registry", async () => {
    const cases: readonly [string, RegExp][] = [
      ["127.0.0.1:8443", /^Error: the address of a registry is a URL/],
      ["ftp://registry", /^Error: the address of a registry is a URL/],
      ["https://", /^Error: the address of a registry is a URL/],
      ["https://registry/?x=1", /^Error: the address of a registry has no \?/],
      ["https://registry/#x", /^Error: the address of a registry has no \?/],
    ];
    for (const [url, pattern] of cases) {
      const { code, stderr } = await list(["--url", url]);
      assert.match(stderr, pattern);
      assert.equal(code, 2);
    }
  });

  it("refuses a password in the URL without repeating it", async () => {
    const { code, stderr } = await list(["--url", `https://me:${secret}@registry`]);
    assert.match(stderr, /^Error: a URL must not carry a password/);
    assert.ok(!stderr.includes(secret));
    assert.equal(code, 2);
  });

  it("is not named in two ways", async () => {
    const { code, stderr } = await list(["--url", registry.url, "--name", "registry"]);
    assert.match(stderr, /^Error: --url and --name are two ways to say which registry; use one\n/);
    assert.equal(code, 2);
  });

  it("asks for one when there is none", async () => {
    const { code, stderr } = await list([]);
    assert.match(stderr, /^Error: no registry is named\nHint: pass --url https:\/\/HOST:PORT/);
    assert.equal(code, 2);
  });

  it("takes the development server where its CA is", async () => {
    const data = path.join(directory, "with-data");
    await mkdir(path.join(data, "data/tls"), { recursive: true });
    await writeFile(path.join(data, "data/tls/ca.crt"), authority.certificate);
    const { url, ca, caFile } = await resolveConnection({}, context({}, data));
    assert.equal(url.href, "https://127.0.0.1:8443/");
    assert.deepEqual([ca, caFile], [[authority.certificate.trim()], "./data/tls/ca.crt"]);
  });
});

describe("the attached cluster", () => {
  const environment = {
    DCOS_URL: "https://cluster.example",
    DCOS_ACS_TOKEN: secret,
    DCOS_TLS_INSECURE: "1",
  };

  it("is what the DC/OS CLI says, when no --url is given", async () => {
    const { url, authorization, verifyCertificate } = await resolveConnection(
      {},
      context(environment),
    );
    assert.equal(url.href, "https://cluster.example/service/dcos-registry/");
    assert.deepEqual([authorization, verifyCertificate], [`token=${secret}`, false]);
  });

  it("has the service that --name selects, and no path outside it", async () => {
    const { url } = await resolveConnection({ name: "/group/registry" }, context(environment));
    assert.equal(url.pathname, "/service/group/registry/");
    for (const name of ["../acs", "a//b", "a?b", "A", ""]) {
      await assert.rejects(resolveConnection({ name }, context(environment)), { code: "USAGE" });
    }
  });

  it("gives neither its token nor its trust settings to another address", async () => {
    const { authorization, verifyCertificate } = await resolveConnection(
      { url: "https://elsewhere.example" },
      context(environment),
    );
    assert.deepEqual([authorization, verifyCertificate], [undefined, true]);
  });

  it("is trusted by its CA file, the older variable included", async () => {
    await writeFile(path.join(directory, "cluster.crt"), authority.certificate);
    const { DCOS_TLS_INSECURE: _, ...rest } = environment;
    for (const name of ["DCOS_TLS_CA_PATH", "DCOS_SSL_VERIFY"]) {
      const connection = await resolveConnection({}, context({ ...rest, [name]: "cluster.crt" }));
      assert.deepEqual(connection.ca, [authority.certificate.trim()]);
      assert.equal(connection.verifyCertificate, true);
    }
    const off = await resolveConnection({}, context({ ...rest, DCOS_SSL_VERIFY: "false" }));
    assert.equal(off.verifyCertificate, false);
  });
});

describe("credentials", () => {
  it("come from the first token of --token-file, or from a variable", async () => {
    await list(["--url", registry.url, "--token-file", "token"]);
    const environment = { DCOS_REGISTRY_TOKEN: secret };
    await list(["--url", registry.url], { environment });
    await list(["--url", registry.url], { environment: { DCOS_REGISTRY_TOKEN_FILE: "token" } });
    assert.deepEqual(new Set(registry.authorizations), new Set([`Bearer ${secret}`]));
    assert.equal(registry.authorizations.length, 3);
  });

  it("come from --user and the password on stdin", async () => {
    const input = {
      stream: Readable.from([Buffer.from("pass:"), Buffer.from("wörd\r\n")]),
      interactive: false,
    };
    await list(["--url", registry.url, "--user", "ann", "--password-stdin"], { input });
    const expected = `Basic ${Buffer.from("ann:pass:wörd").toString("base64")}`;
    assert.deepEqual(registry.authorizations, [expected]);
  });

  it("are refused when they contradict each other or are no credentials", async () => {
    await writeFile(path.join(directory, "empty"), "\n");
    await writeFile(path.join(directory, "words"), `${secret} and more\n`);
    const cases: readonly (readonly string[])[] = [
      ["--user", "ann"],
      ["--password-stdin"],
      ["--user", "a:b", "--password-stdin"],
      ["--user", "ann", "--password-stdin"],
      ["--user", "ann", "--password-stdin", "--token-file", "token"],
      ["--token-file", "empty"],
      ["--token-file", "words"],
    ];
    for (const args of cases) {
      const { code, stderr } = await list(["--url", registry.url, ...args]);
      assert.equal(code, 2, args.join(" "));
      assert.ok(!stderr.includes(secret));
    }
    assert.deepEqual(registry.asked, []);
  });

  it("are not sent over http beyond this machine", async () => {
    const { code, stderr } = await list([
      "--url",
      "http://registry.example",
      "--token-file",
      "token",
    ]);
    assert.match(stderr, /^Error: credentials are not sent over http/);
    assert.equal(code, 2);
  });

  it("are shown by no verbosity", async () => {
    registry.instead = (_request, response) => void response.writeHead(401).end("no");
    const args = ["--url", registry.url, "--token-file", "token", "-vv"];
    const { code, stdout, stderr } = await list(args);
    registry.instead = undefined;
    assert.equal(code, 4);
    assert.match(
      stderr,
      /^> POST http:\/\/127\.0\.0\.1:\d+\/service\/group\/dcos-registry\/package\/list\n< HTTP 401\n/,
    );
    assert.ok(!`${stdout}${stderr}`.includes(secret));
  });
});
