/**
 * Protects `build` and `migrate` against what the internet answers (S9): one clear error with an
 * exit code, and nothing written, whatever goes wrong.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { BuildMachine } from "./fixtures/build-machine.ts";
import { arm64, makeImage, makeIndex } from "./fixtures/image.ts";
import { endlessRedirect, htmlPage, notFound, redirectTo, truncated } from "./fixtures/origin.ts";
import { makeScratch, removeScratch } from "./fixtures/scratch.ts";

const host = "https://files.example.com";

interface BadBuild {
  readonly title: string;
  readonly uris?: Readonly<Record<string, string>>;
  readonly docker?: Readonly<Record<string, string>>;
  readonly cli?: object;
  readonly message: RegExp;
}

const cliBinary = (url: string, value: string, kind = "executable") => ({
  binaries: { linux: { "x86-64": { contentHash: [{ algo: "sha256", value }], kind, url } } },
});

const badBuilds: readonly BadBuild[] = [
  {
    title: "an asset that is not there",
    uris: { gone: `${host}/gone.tgz` },
    message: /"gone".*files\.example\.com\/gone\.tgz.*HTTP 404/,
  },
  {
    title: "an asset that redirects to plain http",
    uris: { downgraded: `${host}/downgraded.tgz` },
    message: /"downgraded".*redirected to http/,
  },
  {
    title: "an asset that redirects for ever",
    uris: { turning: `${host}/turning.tgz` },
    message: /"turning".*more than 10 redirects/,
  },
  {
    title: "an asset that breaks off every time",
    uris: { broken: `${host}/broken.tgz` },
    message: /"broken".*(truncated|connection)/,
  },
  {
    title: "a CLI binary with another hash",
    cli: cliBinary(`${host}/good.tgz`, "ab".repeat(32)),
    message: /SHA-256 does not match: expected abab/,
  },
  {
    title: "a CLI archive that is no zip",
    cli: cliBinary(
      `${host}/good.tgz`,
      "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c",
      "zip",
    ),
    message: /not a zip archive/,
  },
  {
    title: "an image that is not found",
    docker: { main: "quay.example.com/acme/absent:1" },
    message: /quay\.example\.com\/acme\/absent:1.*not found/,
  },
  {
    title: "an image without linux/amd64",
    docker: { main: "quay.example.com/acme/arm-only:1" },
    message: /no linux\/amd64/,
  },
  {
    title: "a registry that answers HTML",
    docker: { main: "login.example.com/acme/main:1" },
    message: /login\.example\.com answers with a web page, not as a registry/,
  },
];

describe("builds that must fail", () => {
  let scratch: string;
  let machine: BuildMachine;

  before(async () => {
    scratch = await makeScratch("bad-build");
    machine = await BuildMachine.create(scratch);
    const { origin } = machine;
    origin.serve(`${host}/good.tgz`, "good");
    origin.serve(`${host}/gone.tgz`, notFound);
    origin.serve(`${host}/downgraded.tgz`, redirectTo("http://files.example.com/good.tgz"));
    origin.serve(`${host}/turning.tgz`, endlessRedirect);
    origin.serve(`${host}/broken.tgz`, truncated(4096));
    origin.serveHost("login.example.com", htmlPage);
    const layers = [[{ path: "a", content: "a" }]];
    const image = await makeImage({ layers, platform: arm64 });
    origin.registry("quay.example.com").add(makeIndex([image]), "acme/arm-only", "1");
  });

  after(async () => {
    await machine?.close();
    await removeScratch(scratch);
  });

  async function definition({ uris, docker, cli }: BadBuild, version: string): Promise<string> {
    const assets = { ...(uris && { uris }), ...(docker && { container: { docker } }) };
    const resource = { ...((uris || docker) && { assets }), ...(cli && { cli }) };
    const document = {
      ...{ packagingVersion: "4.0", name: "bad-build", version, tags: [] },
      ...{ maintainer: "tests@example.com", description: "Never built", resource },
    };
    const file = path.join(scratch, `bad-build-${version}.json`);
    await writeFile(file, JSON.stringify(document));
    return file;
  }

  badBuilds.forEach((bad, number) => {
    it(`refuses ${bad.title}`, async () => {
      const output = path.join(scratch, `output-${number}`);
      await mkdir(output);
      const file = await definition(bad, String(number));
      const { code, stdout, stderr } = await machine.build(file, ["--output-directory", output]);
      assert.notEqual(code, 0);
      assert.notEqual(code, null);
      const { findings } = JSON.parse(stdout) as { findings: { message: string }[] };
      assert.match(findings.map(({ message }) => message).join("\n"), bad.message);
      assert.doesNotMatch(stderr, /^\s+at .*\.js:\d+/m, "a stack is no message");
      assert.deepEqual(await readdir(output), []);
    });
  });

  it("names all failures of one build together", async () => {
    const uris = { gone: `${host}/gone.tgz`, downgraded: `${host}/downgraded.tgz` };
    const file = await definition({ title: "", uris, message: /./ }, "all");
    const { stdout, stderr } = await machine.build(file);
    assert.match(stdout + stderr, /HTTP 404/);
    assert.match(stdout + stderr, /redirected to http/);
    assert.match(stdout + stderr, /2 of 2 assets failed; nothing was written/);
  });

  it("refuses a target that exists, with exit code 1 and the words that scripts look for", async () => {
    const uris = { good: `${host}/good.tgz` };
    const file = await definition({ title: "", uris, message: /./ }, "twice");
    await machine.bundle(file);
    const { code, stdout } = await machine.build(file);
    assert.equal(code, 1);
    assert.match(stdout, /already exists/);
  });

  for (const version of ["2.0", "3.0"]) {
    it(`migrate refuses a package of version ${version} and says the way out`, async () => {
      const directory = path.join(scratch, `package-${version}`);
      await mkdir(directory);
      const document = { packagingVersion: version, name: "old", version: "1", tags: [] };
      const file = path.join(directory, "package.json");
      await writeFile(file, JSON.stringify({ ...document, maintainer: "x", description: "y" }));
      const { code, stdout, stderr } = await machine.migrate(directory);
      assert.equal(code, 1);
      assert.match(stdout + stderr, /E110/);
      assert.match(stdout + stderr, /packagingVersion.{1,6}to.{1,6}4\.0/);
    });
  }
});
