import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { CosmosIndex } from "../../src/catalog/cosmos-index.ts";
import { compareDcosVersions, parseDcosVersion } from "../../src/catalog/dcos-version.ts";
import type { IndexFile } from "../../src/catalog/index-file.ts";
import type { IndexVariant } from "../../src/catalog/index-generation.ts";
import { MemoryCatalog } from "./memory-catalog.ts";
import { publishedPackage } from "./published-package.ts";

const locations = { publicUrl: "https://registry.test", imageHost: "registry.test:443" };

function open(patienceMs?: number) {
  const catalog = new MemoryCatalog();
  const options = patienceMs === undefined ? {} : { patienceMs };
  return { catalog, index: new CosmosIndex({ catalog, locations, ...options }) };
}

interface Listed {
  packages: { name: string; version: string; packagingVersion: string; releaseVersion: number }[];
}

const textOf = (file: IndexFile) => Buffer.concat(file.parts).toString();
const parsed = (file: IndexFile): Listed => JSON.parse(textOf(file));

async function names(index: CosmosIndex, variant: IndexVariant): Promise<string[]> {
  const { packages } = parsed(await index.file(variant));
  return packages.map(({ name, version }) => `${name} ${version}`);
}

function versioned(name: string, version: string, minDcosReleaseVersion?: string) {
  return { definition: { name, version, ...(minDcosReleaseVersion && { minDcosReleaseVersion }) } };
}

describe("DC/OS versions", () => {
  const compare = (left: string, right: string) =>
    compareDcosVersions(parseDcosVersion(left) ?? [], parseDcosVersion(right) ?? []);

  it("compare by number, missing numbers being zero", () => {
    assert.ok(compare("1.9", "1.10") < 0);
    assert.ok(compare("2.0", "1.13.9") > 0);
    assert.ok(compare("1.13.1", "1.13") > 0);
    assert.equal(compare("1.9", "1.9.0"), 0);
    assert.equal(compare("2.1.0-beta", "2.1"), 0);
    assert.ok(compare(`1.${"9".repeat(400)}`, "1.13") > 0);
  });

  it("need a number to start with", () => {
    assert.equal(parseDcosVersion("beta"), undefined);
  });
});

describe("Cosmos index", () => {
  it("is a repository without packages at first", async () => {
    const { index } = open();
    assert.deepEqual(parsed(await index.file({ repoVersion: 5 })), { packages: [] });
  });

  it("lists packages by name, the newest first", async () => {
    const { catalog, index } = open();
    for (const [name, version] of [
      ["b", "2.0"],
      ["a", "1.0"],
      ["b", "1.0"],
    ] as const) {
      await catalog.add(versioned(name, version));
    }
    assert.deepEqual(await names(index, { repoVersion: 5 }), ["a 1.0", "b 1.0", "b 2.0"]);
  });

  it("gives each reader what it understands", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("four", "1"));
    await catalog.add({ definition: { packagingVersion: "5.0", name: "five" } });
    const versions = async (repoVersion: 3 | 4 | 5) =>
      parsed(await index.file({ repoVersion })).packages.map((one) => one.packagingVersion);
    assert.deepEqual(await versions(5), ["5.0", "4.0"]);
    assert.deepEqual(await versions(4), ["4.0"]);
    assert.deepEqual(await versions(3), ["3.0"]);
  });

  it("holds back what needs a newer DC/OS", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("any", "1"));
    await catalog.add(versioned("new", "1", "2.1"));
    await catalog.add(versioned("old", "1", "1.9.0"));
    await catalog.add(versioned("hidden", "1", "9999"));
    const seen = (dcosVersion?: string) =>
      names(index, { repoVersion: 5, ...(dcosVersion && { dcosVersion }) });
    assert.deepEqual(await seen("1.8"), ["any 1"]);
    assert.deepEqual(await seen("1.9"), ["any 1", "old 1"]);
    assert.deepEqual(await seen("2.0.9"), ["any 1", "old 1"]);
    assert.deepEqual(await seen("2.1.0"), ["any 1", "new 1", "old 1"]);
    assert.deepEqual(await seen("99999"), ["any 1", "hidden 1", "new 1", "old 1"]);
    assert.deepEqual(await seen(), ["any 1", "hidden 1", "new 1", "old 1"]);
  });

  it("can be one package", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("a", "1"));
    await catalog.add(versioned("b", "1"));
    await catalog.add(versioned("a", "2"));
    assert.deepEqual(await names(index, { repoVersion: 5, packageName: "a" }), ["a 2", "a 1"]);
    assert.deepEqual(await names(index, { repoVersion: 5, packageName: "c" }), []);
  });

  it("is the same file as long as nothing changes, whatever version a reader invents", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("a", "1", "1.9"));
    const first = await index.file({ repoVersion: 5 });
    for (const dcosVersion of ["1.9", "1.13.1", "77.7", `3.${"1".repeat(1000)}`, "x"]) {
      assert.equal(await index.file({ repoVersion: 5, dcosVersion }), first);
    }
    await catalog.add(versioned("b", "1"));
    const second = await index.file({ repoVersion: 5 });
    assert.notEqual(second.hash, first.hash);
    await catalog.remove("b", "1");
    const third = await index.file({ repoVersion: 5 });
    assert.equal(textOf(third), textOf(first));
    assert.equal(third.hash, first.hash);
  });

  it("keeps a bounded number of forms", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("a", "1"));
    const first = await index.file({ repoVersion: 5, packageName: "p0" });
    assert.equal(await index.file({ repoVersion: 5, packageName: "p0" }), first);
    for (let at = 1; at <= 40; at += 1) {
      await index.file({ repoVersion: 5, packageName: `p${at}` });
    }
    assert.notEqual(await index.file({ repoVersion: 5, packageName: "p0" }), first);
  });

  it("renders a package once, and again only when it changes", async () => {
    const { catalog, index } = open();
    const place = async () => {
      const [, { buffer, byteOffset } = Buffer.alloc(0)] = (await index.file({ repoVersion: 5 }))
        .parts;
      return { buffer, byteOffset };
    };
    await catalog.add(versioned("a", "1"));
    const before = await place();
    await catalog.add(versioned("b", "1"));
    const after = await place();
    assert.equal(after.buffer, before.buffer);
    assert.equal(after.byteOffset, before.byteOffset);
  });

  it("renders all anew before it keeps much memory for what is gone", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("kept", "1"));
    const place = async () => (await index.file({ repoVersion: 5 })).parts[1]?.buffer;
    const first = await place();
    const places = new Set([first]);
    const description = "x".repeat(100_000);
    for (let round = 0; round < 200; round += 1) {
      await catalog.add({ definition: { name: "passing", description } });
      await index.file({ repoVersion: 5 });
      await catalog.remove("passing", "1.0");
      places.add(await place());
      assert.deepEqual(await names(index, { repoVersion: 5 }), ["kept 1"]);
    }
    // Two of them fill a page: 25 MiB in all, of which 8 may stay at a time.
    assert.equal(places.size, 4);
  });

  it("zips what it serves", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("a", "1"));
    const file = await index.file({ repoVersion: 5 });
    const [one, two] = await Promise.all([file.gzip(), file.gzip()]);
    assert.equal(gunzipSync(one).toString(), textOf(file));
    assert.equal(one, two);
  });

  it("slices across its parts", async () => {
    const { catalog, index } = open();
    for (const name of ["a", "b", "c"]) await catalog.add(versioned(name, "1"));
    const file = await index.file({ repoVersion: 5 });
    const text = textOf(file);
    assert.equal(Buffer.byteLength(text), file.size);
    for (const [start, end] of [
      [0, 0],
      [0, file.size - 1],
      [5, 300],
      [file.size - 1, file.size - 1],
    ] as const) {
      const slice = Buffer.concat([...file.slice(start, end)]).toString();
      assert.equal(slice, text.slice(start, end + 1));
    }
  });

  it("slices a large index into pieces worth a write each", async () => {
    const { catalog, index } = open();
    const description = "x".repeat(10_000);
    for (let at = 0; at < 100; at += 1) {
      await catalog.add({ definition: { name: `p${at}`, description } });
    }
    const file = await index.file({ repoVersion: 5 });
    const pieces = [...file.slice()];
    assert.equal(Buffer.concat(pieces).toString(), textOf(file));
    assert.ok(pieces.length < 8, `${pieces.length} pieces`);
  });

  it("builds once for many readers at a time", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("a", "1"));
    const files = await Promise.all(
      Array.from({ length: 20 }, () => index.file({ repoVersion: 5 })),
    );
    assert.equal(new Set(files).size, 1);
  });

  it("stays what it was when the catalogue fails, and says so", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("a", "1"));
    const before = await index.file({ repoVersion: 5 });
    catalog.failure = new Error("disk gone");
    assert.equal(await index.file({ repoVersion: 5 }), before);
    assert.deepEqual(parsed(await index.file({ repoVersion: 3 })).packages.length, 1);
    assert.deepEqual(await index.health(), {
      packageCount: 1,
      leftOut: [],
      failure: catalog.failure,
    });
    catalog.failure = undefined;
    await catalog.add(versioned("b", "1"));
    assert.deepEqual(await index.health(), { packageCount: 2, leftOut: [] });
  });

  it("fails only if the catalogue never could be read", async () => {
    const { catalog, index } = open();
    catalog.failure = new Error("disk gone");
    await assert.rejects(index.file({ repoVersion: 5 }), /disk gone/);
  });

  it("does not wait for a catalogue that hangs", async () => {
    const { catalog, index } = open(10);
    await catalog.add(versioned("a", "1"));
    const before = await index.file({ repoVersion: 5 });
    catalog.snapshot = () => new Promise(() => {});
    assert.equal(await index.file({ repoVersion: 5 }), before);
  });

  it("leaves out a package that cannot be rendered, and says so", async () => {
    const good = publishedPackage(versioned("good", "1"));
    const bad = publishedPackage(versioned("bad", "2"));
    const broken = { ...bad, record: { ...bad.record, assets: null as never } };
    const snapshot = { generation: "1", packages: [broken, good] };
    const catalog = { snapshot: async () => snapshot, recall: () => snapshot };
    const index = new CosmosIndex({ catalog, locations });
    assert.deepEqual(await names(index, { repoVersion: 5 }), ["good 1"]);
    assert.deepEqual(await index.health(), { packageCount: 1, leftOut: ["bad 2"] });
  });

  it("is equal, byte for byte, from two instances", async () => {
    const { catalog, index } = open();
    await catalog.add(versioned("a", "1"));
    await catalog.add(versioned("b", "1"));
    const other = new CosmosIndex({ catalog, locations });
    const [one, two] = [await index.file({ repoVersion: 4 }), await other.file({ repoVersion: 4 })];
    assert.equal(textOf(one), textOf(two));
    assert.equal(one.hash, two.hash);
  });
});
