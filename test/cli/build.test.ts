/** Protects what `build` puts into a bundle, prints, and refuses. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { describeBytes } from "../../src/oci/descriptor.ts";
import { digestOf, hexOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { makeZip } from "../../src/release/zip-archive.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { amd64, arm64, makeImage, makeIndex } from "../fixtures/image.ts";
import { endlessRedirect, htmlPage, redirectTo } from "../fixtures/origin.ts";
import { makeTestPackage, type TestPackage } from "../fixtures/package-directory.ts";
import { BuildBench, open } from "./build-bench.ts";

const authority = new CertificateAuthority("Build root");
const downloads = "https://downloads.example.com";

async function defineFrom({ directory }: TestPackage, target: string): Promise<void> {
  const read = async (name: string) => readFile(path.join(directory, name));
  const json = async (name: string) => JSON.parse(String(await read(name)));
  const { selected: _, ...document } = await json("package.json");
  const template = (await read("marathon.json.mustache")).toString("base64");
  const definition = {
    ...document,
    resource: await json("resource.json"),
    config: await json("config.json"),
    marathon: { v2AppMustacheTemplate: template },
  };
  await writeFile(target, JSON.stringify(definition));
}

describe("build of a whole package", () => {
  let bench: BuildBench;
  let sample: TestPackage;
  const name = "test-service-1.2.3-test.dcos";

  before(async () => {
    bench = await BuildBench.create(authority);
    sample = await makeTestPackage(bench.directory, bench.origin);
    await defineFrom(sample, bench.file("definition.json"));
  });
  after(() => bench.close());

  it("prints the lines of the original and writes one file for its owner", async () => {
    const { code, stdout, stderr } = await bench.build(["--concurrency=1"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.split("\n"), [
      `Fetching ${downloads}/service/scheduler.tgz`,
      `Fetching ${downloads}/service/executor.zip`,
      `Fetching ${downloads}/service/bootstrap`,
      "Fetching image quay.example.com/acme/test-service:1.0",
      "Fetching image acme/sidecar:2.1",
      "Saving docker images [quay.example.com/acme/test-service:1.0 acme/sidecar:2.1]",
      `Fetching ${downloads}/images/icon-small.png`,
      `Fetching ${downloads}/images/icon-medium.png`,
      `Fetching ${downloads}/images/icon-large.png`,
      `Fetching ${downloads}/images/screenshot-1.png`,
      `Fetching ${downloads}/cli/darwin/dcos-test.zip`,
      `Fetching ${downloads}/cli/linux/dcos-test.zip`,
      `Fetching ${downloads}/cli/windows/dcos-test.exe`,
      `Created DC/OS Universe Package out/${name}`,
      "",
    ]);
    assert.deepEqual(await readdir(bench.file("out")), [name]);
    assert.equal((await stat(bench.file(`out/${name}`))).mode & 0o777, 0o600);
  });

  it("puts every file and image inside, named as the registry will serve them", async () => {
    const { content, blobs } = await open(await bench.bundle(name));
    const { definition, images, assets } = content;
    const expected = Object.entries(sample.files).map(
      ([url, bytes]) => `${hexOf(digestOf(bytes))}/${path.basename(url)}`,
    );
    assert.deepEqual(new Set(assets.map(({ path: served }) => served)), new Set(expected));
    for (const bytes of Object.values(sample.files))
      assert.deepEqual(blobs.get(digestOf(bytes)), bytes);
    assert.equal(definition.resource?.assets?.uris?.["bootstrap"], expected[2]);
    assert.deepEqual(
      images.map(({ reference, descriptor }) => [reference, descriptor.digest]),
      Object.entries({
        "quay.example.com/acme/test-service:1.0": "quay.example.com/acme/test-service:1.0",
        "docker.io/acme/sidecar:2.1": "acme/sidecar:2.1",
      }).map(([full, short]) => [full, sample.images[short]?.descriptor.digest]),
    );
  });

  it("keeps an index whole, with the content of the wanted platform only", async () => {
    const { blobs } = await open(await bench.bundle(name));
    const index = sample.images["acme/sidecar:2.1"];
    assert.ok(index);
    const here = [...index.contents.values()].filter(({ descriptor }) =>
      blobs.has(descriptor.digest),
    );
    const platforms = here.map(({ bytes }) => /"architecture":"(\w+)"/.exec(String(bytes))?.[1]);
    assert.ok(blobs.has(index.descriptor.digest));
    assert.ok(platforms.includes("amd64"));
    const manifests = JSON.parse(String(blobs.get(index.descriptor.digest))).manifests;
    assert.deepEqual(
      manifests.map(({ digest }: { digest: keyof typeof blobs }) => blobs.has(digest as never)),
      [true, false],
    );
  });

  it("gives the same bytes again, at any concurrency, with and without cache", async () => {
    const first = await bench.bundle(name);
    for (const flags of [["--concurrency=8"], ["--no-cache"], ["--concurrency=2", "--no-cache"]]) {
      const directory = `out${flags.join("")}`;
      const made = path.join(bench.directory, directory);
      await mkdir(made);
      const { code, stderr } = await bench.build([...flags, `--output-directory=${directory}`]);
      assert.equal(code, 0, stderr);
      assert.ok((await readFile(path.join(made, name))).equals(first), flags.join(" "));
      assert.deepEqual(await readdir(made), [name]);
    }
  });

  it("takes layers from the cache the second time, and asks for files again", async () => {
    const before = bench.origin.requests.length;
    await writeFile(bench.file("out/x"), "");
    const { code } = await bench.build(["--output-directory=out--no-cache", "--json"]);
    assert.equal(code, 1, "the file is still there");
    assert.equal(bench.origin.requests.length, before);
    await rm(bench.file(`out--no-cache/${name}`));
    const second = await bench.build(["--output-directory=out--no-cache", "--json"]);
    assert.equal(second.code, 0, second.stderr);
    const asked = bench.origin.requests.slice(before);
    assert.deepEqual(
      asked.filter((request) => request.includes("/blobs/")),
      [],
    );
    assert.ok(asked.includes(`GET ${downloads}/service/bootstrap`));
  });

  it("prints only the name with --json", async () => {
    await rm(bench.file(`out/${name}`));
    const { code, stdout } = await bench.build(["--json"]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { name: `out/${name}` });
  });

  it("never replaces a file: exit code 1 and 'already exists' on stdout", async () => {
    const before = await stat(bench.file(`out/${name}`));
    const plain = await bench.build();
    assert.equal(plain.code, 1);
    assert.equal(plain.stdout, `Output file [out/${name}] already exists\n`);
    const json = await bench.build(["--json"]);
    assert.equal(json.code, 1);
    assert.match(JSON.parse(json.stdout).error, /already exists/);
    assert.equal((await stat(bench.file(`out/${name}`))).mtimeMs, before.mtimeMs);
  });
});

describe("build", () => {
  let bench: BuildBench;
  beforeEach(async () => {
    bench = await BuildBench.create(authority);
  });
  afterEach(() => bench.close());

  const uris = (entries: Record<string, string>) => ({ resource: { assets: { uris: entries } } });
  const docker = (entries: Record<string, string>) => ({
    resource: { assets: { container: { docker: entries } } },
  });

  it("builds a package without any file", async () => {
    await bench.define({});
    const { code, stdout } = await bench.build();
    assert.equal(code, 0);
    assert.equal(stdout, "Created DC/OS Universe Package out/sample-1.0.dcos\n");
    const { content } = await open(await bench.bundle());
    assert.deepEqual([content.assets, content.images], [[], []]);
  });

  it("fetches a URL that several keys name once, and keeps equal names with other content apart", async () => {
    bench.origin.serve(`${downloads}/a/x.zip`, "one");
    bench.origin.serve(`${downloads}/b/x.zip`, "two");
    const a = `${downloads}/a/x.zip`;
    await bench.define(uris({ a, again: a, b: `${downloads}/b/x.zip` }));
    const { code, stdout, stderr } = await bench.build();
    assert.equal(code, 0, stderr);
    assert.equal(stdout.match(/^Fetching /gm)?.length, 3);
    assert.equal(bench.origin.requests.filter((request) => request.endsWith(a)).length, 1);
    const { content } = await open(await bench.bundle());
    assert.equal(content.assets.length, 2);
  });

  it("takes relative paths from beside the definition", async () => {
    await writeFile(bench.file("local.sh"), "#!/bin/sh\n");
    await bench.define(uris({ script: "./local.sh", other: "local.sh" }));
    const { code, stdout, stderr } = await bench.build();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Fetching \.\/local\.sh$/m);
    const { content } = await open(await bench.bundle());
    assert.equal(content.assets[0]?.path, `${hexOf(digestOf("#!/bin/sh\n"))}/local.sh`);
  });

  it("goes through the proxy for plain http too, and leaves this machine alone", async () => {
    bench.origin.serve("http://plain.example.com/x.zip", "plain");
    await bench.define(uris({ plain: "http://plain.example.com/x.zip" }));
    const { code, stderr } = await bench.build();
    assert.equal(code, 0, stderr);
    assert.deepEqual(bench.proxy.tunnels, []);
  });

  it("follows redirects between https hosts", async () => {
    bench.origin.serve(`${downloads}/x.zip`, redirectTo("https://cdn.example.com/blob?signed=1"));
    bench.origin.serve("https://cdn.example.com/blob?signed=1", "content");
    await bench.define(uris({ x: `${downloads}/x.zip` }));
    const { code, stderr } = await bench.build();
    assert.equal(code, 0, stderr);
    const { content } = await open(await bench.bundle());
    assert.match(content.assets[0]?.path ?? "", /\/x\.zip$/);
  });

  it("drops queries from names, keeps escapes for assets, and says so", async () => {
    bench.origin.serve(`${downloads}/icon.png?raw=true`, "icon");
    bench.origin.serve(`${downloads}/a%2Bb.tgz`, "archive");
    await bench.define({
      resource: {
        assets: { uris: { archive: `${downloads}/a%2Bb.tgz` } },
        images: { "icon-small": `${downloads}/icon.png?raw=true` },
      },
    });
    const { code, stdout, stderr } = await bench.build();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /icon\.png\?raw=true$/m);
    assert.match(stderr, /warning W146: icon "icon-small": the query of its URL is dropped/);
    const { content } = await open(await bench.bundle());
    assert.deepEqual(
      content.assets.map(({ path: served }) => served.slice(65)),
      ["a%2Bb.tgz", "icon.png"],
    );
  });

  it("keeps URLs with --keep-url, and empty strings by themselves", async () => {
    const kept = { server: "https://binaries.example.com", none: "" };
    await bench.define(uris(kept));
    const refused = await bench.build();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /error E145: asset "server" .* names a server, not a file/);
    assert.match(refused.stderr, /hint: .*--keep-url=server/);
    const { code, stderr } = await bench.build(["--keep-url=server"]);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /warning W145: asset "server" \(https:\/\/binaries\.example\.com\) is kept: services fetch from there/,
    );
    const { content } = await open(await bench.bundle());
    assert.deepEqual(content.definition.resource?.assets?.uris, kept);
    assert.deepEqual(bench.origin.requests, []);
  });

  it("names what the template appends to a URL that is no file", async () => {
    const template = '{"uri": "{{resource.assets.uris.server}}/v{{x}}.tgz"}';
    await bench.define({
      ...uris({ server: "https://binaries.example.com/" }),
      config: { type: "object", properties: { x: { type: "string", default: "1" } } },
      marathon: { v2AppMustacheTemplate: Buffer.from(template).toString("base64") },
    });
    const { stderr } = await bench.build();
    assert.match(stderr, /the template appends "\/v\{\{x\}\}\.tgz": add the full URL/);
  });

  it("refuses --keep-url for what is not there or no URL", async () => {
    await bench.define(uris({ file: "x.zip" }));
    const absent = await bench.build(["--keep-url=other"]);
    assert.equal(absent.code, 2);
    assert.match(absent.stderr, /there is no asset "other"/);
    assert.equal((await bench.build(["--keep-url=file"])).code, 2);
  });

  it("lists all failures together and writes nothing", async () => {
    bench.origin.serve(`${downloads}/html-redirect`, redirectTo("http://plain.example.com/"));
    bench.origin.serve(`${downloads}/endless`, endlessRedirect);
    bench.origin.serve(`${downloads}/fine.zip`, "fine");
    bench.origin.serve(`${downloads}/empty.zip`, "");
    const value = "0".repeat(64);
    const binary = (kind: string, url: string) => ({
      "x86-64": { contentHash: [{ algo: "sha256", value }], kind, url },
    });
    await bench.define({
      resource: {
        assets: {
          uris: {
            gone: `${downloads}/gone.zip`,
            downgraded: `${downloads}/html-redirect`,
            endless: `${downloads}/endless`,
            fine: `${downloads}/fine.zip`,
            empty: `${downloads}/empty.zip`,
            local: "missing.zip",
          },
          container: { docker: { db: "acme/missing:1" } },
        },
        cli: { binaries: { linux: binary("executable", `${downloads}/fine.zip`) } },
      },
    });
    const { code, stdout, stderr } = await bench.build();
    assert.equal(code, 5);
    for (const line of [
      `definition.json:1:169: error E142: asset "gone": ${downloads}/gone.zip: HTTP 404 Not Found [at /resource/assets/uris/gone]`,
      `asset "downgraded": ${downloads}/html-redirect: redirected to http`,
      `asset "endless": ${downloads}/endless: more than 10 redirects`,
      `asset "empty": ${downloads}/empty.zip: the file is empty`,
      'error E140: asset "local": no such file: missing.zip',
      'error E148: image "acme/missing:1": not found in registry-1.docker.io (or it needs a login)',
      "error E143: CLI binary for linux (x86-64): SHA-256 does not match: expected 0000…0000, downloaded file has ",
      "Error: 7 of 8 assets failed; nothing was written",
    ]) {
      assert.ok(stderr.includes(line), `${line}\n--- not in ---\n${stderr}`);
    }
    assert.doesNotMatch(stdout, /Created/);
    assert.deepEqual(await readdir(bench.file("out")), []);
    const json = await bench.build(["--json"]);
    const { findings, ok } = JSON.parse(json.stdout);
    assert.equal(ok, false);
    assert.equal(findings.length, 7);
  });

  it("checks that a zip is a zip", async () => {
    bench.origin.serve(`${downloads}/cli.zip`, "no zip at all");
    const value = hexOf(digestOf("no zip at all"));
    const binary = { contentHash: [{ algo: "sha256", value }], kind: "zip" };
    const url = `${downloads}/cli.zip`;
    await bench.define({
      resource: { cli: { binaries: { windows: { "x86-64": { ...binary, url } } } } },
    });
    const { code, stderr } = await bench.build();
    assert.equal(code, 1);
    assert.match(stderr, /E144: CLI binary for windows .*the file is not a zip archive/);
  });

  it("warns of executables that are archives and of zstd layers; --strict refuses them", async () => {
    const zip = makeZip([{ path: "x", content: "x" }]);
    bench.origin.serve(`${downloads}/dcos-x`, zip);
    const binary = { contentHash: [{ algo: "sha256", value: hexOf(digestOf(zip)) }] };
    const image = await makeImage({ format: "oci", layers: [[{ path: "x", content: "x" }]] });
    const { digest } = image.descriptor;
    const manifest = Buffer.from(
      String(image.contents.get(digest)?.bytes).replace("tar+gzip", "tar+zstd"),
    );
    const contents = new Map(image.contents);
    const descriptor = describeBytes(mediaType.ociManifest, manifest);
    contents.set(descriptor.digest, { descriptor, bytes: manifest });
    bench.origin.registry("quay.io").add({ descriptor, contents }, "acme/db", "1");
    await bench.define({
      resource: {
        assets: { container: { docker: { db: "quay.io/acme/db:1" } } },
        cli: {
          binaries: {
            linux: { "x86-64": { ...binary, kind: "executable", url: `${downloads}/dcos-x` } },
          },
        },
      },
    });
    const strict = await bench.build(["--strict"]);
    assert.equal(strict.code, 1);
    assert.match(strict.stderr, /error W144/);
    const { code, stderr } = await bench.build();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /warning W144: CLI binary for linux \(x86-64\): kind is "executable" but/);
    assert.match(
      stderr,
      /warning W148: image "quay\.io\/acme\/db:1" has layers compressed with zstd/,
    );
  });

  it("refuses an image that is not for the platform, and says what there is", async () => {
    const layers = [[{ path: "x", content: "x" }]];
    const other = await makeImage({ platform: arm64, layers });
    bench.origin.registry("one.example.com").add(makeIndex([other]), "acme/list", "1");
    bench.origin.registry("one.example.com").add(other, "acme/single", "1");
    await bench.define(
      docker({ list: "one.example.com/acme/list:1", single: "one.example.com/acme/single:1" }),
    );
    const { code, stderr } = await bench.build();
    assert.equal(code, 1);
    assert.match(stderr, /E148: image ".*list:1": no linux\/amd64 image in the list/);
    assert.match(stderr, /hint: the list has linux\/arm64\/v8/);
    assert.match(stderr, /E148: image ".*single:1": no linux\/amd64 image/);
    const arm = await bench.build(["--platform=linux/arm64"]);
    assert.equal(arm.code, 0, arm.stderr);
  });

  it("logs in with what docker knows, by Basic and by token", async () => {
    const image = await makeImage({ platform: amd64, layers: [[{ path: "x", content: "x" }]] });
    const user = { name: "user", password: "pass:word" };
    for (const login of ["basic", "bearer"] as const) {
      const host = `${login}.example.com`;
      bench.origin.registry(host, { login, user }).add(image, "acme/db", "1");
    }
    await bench.define(
      docker({ basic: "basic.example.com/acme/db:1", bearer: "bearer.example.com/acme/db:1" }),
    );
    const anonymous = await bench.build();
    assert.equal(anonymous.code, 5);
    assert.match(anonymous.stderr, /or it needs a login/);
    const auth = Buffer.from("user:pass:word").toString("base64");
    const auths = { "basic.example.com": { auth }, "https://bearer.example.com/v1/": { auth } };
    await mkdir(bench.file(".docker"));
    await writeFile(bench.file(".docker/config.json"), JSON.stringify({ auths }));
    const { code, stderr, stdout } = await bench.build(["-v"]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout + stderr, new RegExp(`pass:word|${auth}`));
  });

  it("tells a web page from a registry", async () => {
    bench.origin.serve("https://www.example.com/v2/", htmlPage);
    await bench.define(docker({ page: "www.example.com/acme/db:1" }));
    const { code, stderr } = await bench.build();
    assert.equal(code, 5);
    assert.match(stderr, /www\.example\.com answers with a web page, not as a registry/);
  });

  it("trusts nobody without the CA file, and says what is wrong with that file", async () => {
    bench.origin.serve(`${downloads}/x.zip`, "x");
    await bench.define(uris({ x: `${downloads}/x.zip` }));
    const untrusted = await bench.build([], {});
    assert.equal(untrusted.code, 0);
    await writeFile(bench.file("ca.crt"), "nothing");
    const broken = await bench.build(["--output-directory=."]);
    assert.match(broken.stderr, /the CA file holds no certificate/);
    const other = new CertificateAuthority("Other root");
    await writeFile(bench.file("ca.crt"), other.certificate);
    const { code, stderr } = await bench.build(["--output-directory=."]);
    assert.equal(code, 5);
    assert.match(stderr, /certificate not trusted \(/);
  });

  it("treats warnings as errors with --strict", async () => {
    await bench.define(uris({ x: `${downloads}/x.zip?version=1` }));
    const { code, stderr } = await bench.build(["--strict"]);
    assert.equal(code, 1);
    assert.match(stderr, /error W146/);
    assert.deepEqual(bench.origin.requests, []);
  });

  it("explains wrong options", async () => {
    await bench.define({});
    for (const [flag, message] of [
      ["--concurrency=0", /from 1 to 64/],
      ["--platform=amd64", /is not a platform/],
    ] as const) {
      const { code, stderr } = await bench.build([flag]);
      assert.equal(code, 2, flag);
      assert.match(stderr, message);
    }
  });

  it("says what it needs for --use-local", async () => {
    await bench.define(docker({ db: "acme/db:1" }));
    const environment = { ...bench.environment, DOCKER_HOST: `unix://${bench.file("no.sock")}` };
    const absent = await bench.build(["--use-local"], { environment });
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /cannot reach the local docker: nothing listens there/);
    environment.DOCKER_HOST = "tcp://127.0.0.1:2375";
    const remote = await bench.build(["--use-local"], { environment });
    assert.equal(remote.code, 2);
    assert.match(remote.stderr, /a docker on a socket of this machine/);
  });

  it("says what is wrong with the output directory before it fetches anything", async () => {
    await bench.define(uris({ x: `${downloads}/x.zip` }));
    for (const [directory, reason] of [
      ["nowhere", /the output directory nowhere does not exist/],
      ["ca.crt", /the output directory ca\.crt is not a directory/],
    ] as const) {
      const { code, stderr } = await bench.build([`--output-directory=${directory}`]);
      assert.equal(code, 1);
      assert.match(stderr, reason);
    }
    assert.deepEqual(bench.origin.requests, []);
  });

  it("ends at once when interrupted, and leaves nothing", async () => {
    const abort = new AbortController();
    bench.origin.serve(`${downloads}/slow.zip`, (_request, response) => {
      response.writeHead(200, { "Content-Length": "1000000" });
      response.write("beginning", () => abort.abort());
    });
    await bench.define(uris({ slow: `${downloads}/slow.zip` }));
    const { code, stderr } = await bench.build(["--no-cache"], { signal: abort.signal });
    assert.equal(code, 130);
    assert.match(stderr, /interrupted/);
    assert.deepEqual(await readdir(bench.file("out")), []);
  });
});
