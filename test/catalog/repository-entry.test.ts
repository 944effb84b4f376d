import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rewriteDefaults } from "../../src/catalog/config-defaults.ts";
import { downgradeEntry } from "../../src/catalog/entry-downgrade.ts";
import { repositoryEntry } from "../../src/catalog/repository-entry.ts";
import { assetPath, type PackageParts, publishedPackage } from "./published-package.ts";

const locations = { publicUrl: "https://registry.test/", imageHost: "registry.test:443" };

const entryOf = (parts: PackageParts) => repositoryEntry(publishedPackage(parts), locations);
const url = (name: string, content: string) =>
  `https://registry.test/resources/${assetPath(name, content)}`;

function servedReference(parts: PackageParts, at = 0): string {
  const image = publishedPackage(parts).record.images[at];
  assert.ok(image);
  return `registry.test:443/${image.repository}:${image.tag}`;
}

describe("repository entry", () => {
  it("copies every field and adds the release version", () => {
    const definition = {
      packagingVersion: "5.0",
      name: "hello",
      version: "1.0",
      maintainer: "ops@example.test",
      description: 'with "quotes"',
      tags: ["a", "b"],
      scm: "https://scm.test",
      website: "https://web.test",
      framework: true,
      preInstallNotes: "pre",
      postInstallNotes: "post",
      postUninstallNotes: "gone",
      licenses: [{ name: "Apache", url: "https://licence.test" }],
      minDcosReleaseVersion: "1.10",
      lastUpdated: 1_570_000_000,
      hasKnownIssues: true,
      upgradesFrom: ["*"],
      downgradesTo: [],
      manager: { packageName: "parent" },
      marathon: { v2AppMustacheTemplate: "e30=" },
      config: { type: "object" },
    } as const;
    const entry = entryOf({ definition, releaseVersion: 77 });
    assert.deepEqual(entry, { ...definition, releaseVersion: 77 });
    assert.deepEqual(Object.keys(entry).slice(0, 5), [
      "packagingVersion",
      "name",
      "version",
      "releaseVersion",
      "maintainer",
    ]);
  });

  it("turns every bundled file into a URL and every image into a served reference", () => {
    const binary = (name: string) => ({
      "x86-64": {
        contentHash: [{ algo: "sha256" as const, value: "0".repeat(64) }],
        kind: "executable" as const,
        url: assetPath(name, name),
      },
    });
    const parts: PackageParts = {
      files: { "app.tgz": "app", "a.png": "a", "s.png": "s", "dcos-x": "dcos-x" },
      images: ["acme/db:1", "redis"],
      definition: {
        resource: {
          assets: {
            uris: { app: assetPath("app.tgz", "app") },
            container: { docker: { db: "acme/db:1", cache: "redis" } },
          },
          images: {
            "icon-small": assetPath("a.png", "a"),
            screenshots: [assetPath("s.png", "s"), "https://kept.test/s.png"],
          },
          cli: { binaries: { linux: binary("dcos-x") } },
        },
      },
    };
    const { resource } = entryOf(parts);
    assert.deepEqual(resource?.assets, {
      uris: { app: url("app.tgz", "app") },
      container: { docker: { db: servedReference(parts, 0), cache: servedReference(parts, 1) } },
    });
    assert.deepEqual(resource?.images, {
      "icon-small": url("a.png", "a"),
      screenshots: [url("s.png", "s"), "https://kept.test/s.png"],
    });
    assert.deepEqual(resource?.cli?.binaries.linux?.["x86-64"], {
      ...binary("dcos-x")["x86-64"],
      url: url("dcos-x", "dcos-x"),
    });
  });

  it("keeps strings that are no bundled file, whatever they look like", () => {
    const uris = {
      host: "https://binaries.cockroachdb.com",
      empty: "",
      other: `${"0".repeat(64)}/app.tgz`,
      ["__proto__"]: "x",
    };
    const { resource } = entryOf({ definition: { resource: { assets: { uris } } } });
    assert.deepEqual(Object.entries(resource?.assets?.uris ?? {}), Object.entries(uris));
  });

  it("keeps the percent escapes of a file name", () => {
    const name = "1.13%2Bui.tar.gz";
    const uris = { ui: assetPath(name, "ui") };
    const { resource } = entryOf({
      files: { [name]: "ui" },
      definition: { resource: { assets: { uris } } },
    });
    assert.equal(resource?.assets?.uris?.["ui"], url(name, "ui"));
  });

  it("points options to the registry whose default is an image of the package", () => {
    const image = { type: "string", default: "acme/db:1" };
    const parts: PackageParts = {
      images: ["acme/db:1"],
      definition: {
        resource: { assets: { container: { docker: { db: "acme/db:1" } } } },
        config: {
          properties: {
            node: { type: "object", properties: { image, other: { default: "acme/db:2" } } },
          },
        },
      },
    };
    assert.deepEqual(entryOf(parts).config, {
      properties: {
        node: {
          type: "object",
          properties: {
            image: { type: "string", default: servedReference(parts) },
            other: { default: "acme/db:2" },
          },
        },
      },
    });
  });
});

describe("defaults that are images", () => {
  const served = new Map([["acme/db:1", "registry.test/acme/db:1-x"]]);
  const rewritten = (schema: Parameters<typeof rewriteDefaults>[0]) =>
    rewriteDefaults(schema, served);
  const after = "registry.test/acme/db:1-x";

  it("are found wherever a schema may stand", () => {
    const before = { default: "acme/db:1" };
    const there = { default: after };
    const around = (inner: { default: string }) => ({
      properties: { default: inner },
      patternProperties: { "^x": inner },
      definitions: { one: inner },
      dependencies: { a: inner, b: ["a"] },
      items: [inner],
      additionalProperties: inner,
      allOf: [inner],
      not: { anyOf: [{ oneOf: [inner] }] },
    });
    assert.deepEqual(rewritten(around(before)), around(there));
  });

  it("are left alone inside values", () => {
    const schema = {
      default: { default: "acme/db:1" },
      enum: [{ default: "acme/db:1" }],
      title: "acme/db:1",
      properties: { x: { default: ["acme/db:1"], description: "acme/db:1" } },
    };
    assert.deepEqual(rewritten(schema), schema);
  });

  it("stay among the choices of their option", () => {
    assert.deepEqual(rewritten({ default: "acme/db:1", enum: ["acme/db:1", "acme/db:2"] }), {
      default: after,
      enum: [after, "acme/db:2"],
    });
  });

  it("are left alone when the option would refuse the new one", () => {
    for (const rule of [{ pattern: "^acme/" }, { pattern: "(" }, { maxLength: 10 }]) {
      const schema = { default: "acme/db:1", ...rule };
      assert.deepEqual(rewritten(schema), schema);
    }
    assert.equal(rewritten({ default: "acme/db:1", pattern: "acme/" })["default"], after);
  });

  it("are not guessed from the normalised form", () => {
    const schema = { default: "docker.io/acme/db:1" };
    assert.deepEqual(rewritten(schema), schema);
  });
});

describe("downgrade to packaging version 3.0", () => {
  it("drops what 3.0 does not know", () => {
    const entry = entryOf({ definition: { upgradesFrom: ["*"], downgradesTo: ["1"] } });
    const { upgradesFrom: _, downgradesTo: __, ...rest } = entry;
    assert.deepEqual(downgradeEntry(entry), { ...rest, packagingVersion: "3.0" });
  });

  it("escapes quotes in defaults and descriptions, where the catalogue does", () => {
    const option = (description: string, preset: string) => ({
      type: "string",
      description,
      default: preset,
    });
    const entry = entryOf({
      definition: {
        config: {
          description: 'top "stays"',
          properties: {
            plain: option('say "x"', '{"a": "b"}'),
            done: option('\\"x\\"', '{\\"a\\"}'),
            number: { type: "number", description: 'a "n"', default: 1 },
            list: { type: "array", default: ['a "b"'] },
            group: {
              type: "object",
              description: 'g "d"',
              properties: { deep: option('d "e"', 'f "g"') },
            },
            untyped: { properties: { stays: option('d "e"', 'f "g"') } },
          },
        },
      },
    });
    assert.deepEqual(downgradeEntry(entry).config, {
      description: 'top "stays"',
      properties: {
        plain: option('say \\"x\\"', '{\\"a\\": \\"b\\"}'),
        done: option('\\"x\\"', '{\\"a\\"}'),
        number: { type: "number", description: 'a \\"n\\"', default: 1 },
        list: { type: "array", default: ['a "b"'] },
        group: {
          type: "object",
          description: 'g \\"d\\"',
          properties: { deep: option('d \\"e\\"', 'f \\"g\\"') },
        },
        untyped: { properties: { stays: option('d "e"', 'f "g"') } },
      },
    });
  });
});
