/** Protects the making of images: what is in a layer, under which rights, the same bytes each time. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { lstat, mkdir, readFile, readlink } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import tar from "tar-stream";
import { digestOf } from "../../src/oci/digest.ts";
import { completeTree, type TreeEntry, textFile, writeTree } from "../../src/release/file-tree.ts";
import { writeLayer } from "../../src/release/image-layer.ts";
import { imageReference, runSettings } from "../../src/release/product-image.ts";
import { isRuntimeFile, productionPackages } from "../../src/release/production-packages.ts";
import { runtimeFiles } from "../../src/release/runtime-files.ts";
import { deployDirectory, readDeployed } from "../deploy/catalog-package.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot } from "../fixtures/server-process.ts";

const longName = `opt/${"folder/".repeat(13)}${"n".repeat(60)}.js`;
const tree: readonly TreeEntry[] = completeTree([
  textFile("usr/bin/tool", "#!/bin/tool\n", 0o755),
  textFile(longName, "long"),
  { kind: "file", path: "etc/self", source: import.meta.filename },
  { kind: "link", path: "bin", target: "usr/bin" },
  { kind: "directory", path: "tmp", mode: 0o1777 },
  { kind: "directory", path: "var/data", owner: 65534 },
]);

interface Found {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly owner: number;
  readonly text: string;
}

async function entriesOf(file: string): Promise<Found[]> {
  const extract = tar.extract();
  extract.end(gunzipSync(await readFile(file)));
  const found: Found[] = [];
  for await (const entry of extract) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type, mode, uid, linkname } = entry.header;
    const text = linkname ?? Buffer.concat(chunks).toString();
    found.push({ name, type: String(type), mode: mode ?? 0, owner: uid ?? 0, text });
  }
  return found;
}

describe("layers of an image", () => {
  let scratch: string;
  before(async () => {
    scratch = await makeScratch("layer");
  });
  after(() => removeScratch(scratch));

  it("hold files, directories and links with their rights, parents first", async () => {
    const layer = await writeLayer("test", tree, path.join(scratch, "one"));
    const found = await entriesOf(layer.file);
    const names = found.map(({ name }) => name);
    assert.deepEqual(names, [...names].sort());
    const of = (name: string) => found.find((entry) => entry.name === name);
    assert.deepEqual(of("usr/bin/tool"), {
      name: "usr/bin/tool",
      type: "file",
      mode: 0o755,
      owner: 0,
      text: "#!/bin/tool\n",
    });
    assert.equal(of(longName)?.text, "long");
    assert.equal(of("etc/self")?.text, readFileSync(import.meta.filename, "utf8"));
    assert.deepEqual([of("bin")?.type, of("bin")?.text], ["symlink", "usr/bin"]);
    assert.equal(of("tmp/")?.mode, 0o1777);
    assert.deepEqual([of("var/data/")?.owner, of("var/")?.owner], [65534, 0]);
  });

  it("are the same bytes each time, and are what their digests say", async () => {
    const one = await writeLayer("test", tree, path.join(scratch, "one"));
    const two = await writeLayer("test", tree, path.join(scratch, "two"));
    const bytes = await readFile(one.file);
    assert.ok(bytes.equals(await readFile(two.file)));
    assert.equal(one.descriptor.digest, digestOf(bytes));
    assert.equal(one.descriptor.size, bytes.byteLength);
    assert.equal(one.diffId, digestOf(gunzipSync(bytes)));
  });

  it("equal the directory that the Dockerfile copies", async (t) => {
    if (process.getuid?.() !== 0) return t.skip("needs root, for owners");
    const layer = await writeLayer("test", tree, path.join(scratch, "one"));
    const root = path.join(scratch, "root");
    await mkdir(root);
    await writeTree(tree, root);
    for (const { name, type, mode, owner, text } of await entriesOf(layer.file)) {
      const target = path.join(root, name);
      const { mode: actual, uid } = await lstat(target);
      assert.deepEqual([actual & 0o7777, uid], [mode, owner], name);
      if (type === "symlink") assert.equal(await readlink(target), text);
      if (type === "file") assert.equal(await readFile(target, "utf8"), text);
    }
    return undefined;
  });

  it("take names that fit into no header for an error", async () => {
    const wrong = [textFile("n".repeat(101), ""), textFile(`${"p/".repeat(200)}x`, "")];
    for (const entry of wrong) {
      const file = path.join(scratch, "wrong");
      await assert.rejects(writeLayer("wrong", [entry], file), /name too long/);
    }
  });
});

describe("the product's image", () => {
  it("has the Node that makes it, and the libraries that it loads", () => {
    const files = runtimeFiles();
    const names = files.map(({ path: name }) => name);
    assert.ok(names.includes("usr/bin/node"));
    assert.ok(
      names.some((name) => /libc\.so\.6$/.test(name)),
      names.join(),
    );
    assert.ok(
      names.some((name) => /ld-linux/.test(name)),
      names.join(),
    );
  });

  it("has the packages that the product imports, and no tool of its development", async () => {
    const names = (await productionPackages(projectRoot)).map(({ name }) => name);
    const text = await readFile(path.join(projectRoot, "package.json"), "utf8");
    const { dependencies, devDependencies } = JSON.parse(text);
    for (const name of Object.keys(dependencies)) assert.ok(names.includes(name), name);
    for (const name of Object.keys(devDependencies)) assert.ok(!names.includes(name), name);
  });

  it("has what a program reads of a package, and its licences", () => {
    const kept = ["index.js", "lib/a.cjs", "b.mjs", "package.json", "LICENSE.md", "data.wasm"];
    const left = [
      "index.d.ts",
      "a.d.cts",
      "a.js.map",
      "README.md",
      "src/a.ts",
      "node_modules/x.js",
    ];
    assert.deepEqual([...kept, ...left].filter(isRuntimeFile), kept);
  });

  it("is started in the same way by the Dockerfile", async () => {
    const text = await readFile(path.join(deployDirectory, "Dockerfile"), "utf8");
    const instruction = (name: string) =>
      new RegExp(`^${name} (.*)$`, "m").exec(text.slice(text.indexOf("FROM scratch")))?.[1];
    const run = await runSettings(projectRoot);
    assert.equal(instruction("USER"), run["User"]);
    assert.equal(instruction("WORKDIR"), run["WorkingDir"]);
    assert.equal(instruction("STOPSIGNAL"), run["StopSignal"]);
    assert.deepEqual(instruction("ENV")?.split(" "), run["Env"]);
    assert.deepEqual(JSON.parse(instruction("ENTRYPOINT") ?? ""), run["Entrypoint"]);
    assert.deepEqual(JSON.parse(instruction("VOLUME") ?? ""), Object.keys(run["Volumes"] ?? {}));
    assert.deepEqual(instruction("EXPOSE")?.split(" "), Object.keys(run["ExposedPorts"] ?? {}));
  });

  it("is the one that the Catalog package names", async () => {
    const resource = readDeployed("resource.json") as {
      assets: { container: { docker: Record<string, string> } };
    };
    const images = Object.values(resource.assets.container.docker);
    assert.deepEqual(images, [await imageReference(projectRoot)]);
  });
});
