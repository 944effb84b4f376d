import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { annotation } from "../../src/oci/descriptor.ts";
import { type Digest, digestOf, hexOf } from "../../src/oci/digest.ts";
import { BlobUnknown } from "../../src/oci/registry-error.ts";
import { isSafeFileName, parseAssetPath } from "../../src/packages/asset-file.ts";
import { BundleInvalid } from "../../src/packages/bundle-error.ts";
import { fileReferences } from "../../src/packages/definition-files.ts";
import type { PackageDefinition } from "../../src/packages/package-definition.ts";
import { readPackageContent } from "../../src/packages/read-package-content.ts";
import {
  asset,
  type MetadataManifest,
  type RootIndex,
  samplePackage,
  tampered,
} from "./sample-package.ts";

const sample = samplePackage();

const reader = (content: ReadonlyMap<Digest, Buffer>) => async (digest: Digest) => {
  const bytes = content.get(digest);
  if (bytes === undefined) throw new BlobUnknown(digest);
  return bytes;
};

async function refusal(
  change: (root: RootIndex, metadata: MetadataManifest) => void,
  definition?: unknown,
): Promise<string> {
  const { root, content } = tampered(sample, change, definition);
  const error = await readPackageContent(root, reader(content)).then(
    () => assert.fail("was accepted"),
    (reason) => reason,
  );
  assert.ok(error instanceof BundleInvalid, String(error));
  return error.message;
}

const unchanged = () => {};
const resource = sample.definition.resource;
const withUris = (uris: Record<string, string>): PackageDefinition => ({
  ...sample.definition,
  resource: { ...resource, assets: { ...resource?.assets, uris } },
});
const uris = resource?.assets?.uris ?? {};

describe("createPackageRoot", () => {
  it("gives equal parts the same digest, other parts another", () => {
    assert.equal(samplePackage().root, sample.root);
    assert.notEqual(samplePackage({ description: "Another." }).root, sample.root);
  });

  it("pins metadata first, then each image under its full reference", () => {
    const index = JSON.parse(String(sample.content.get(sample.root)));
    assert.equal(index.artifactType, "application/vnd.dcos.package.v1");
    assert.equal(index.manifests[0].artifactType, "application/vnd.dcos.package.metadata.v1+json");
    assert.deepEqual(
      index.manifests.slice(1).map((entry: RootIndex["manifests"][0]) => entry.annotations),
      [
        { [annotation.dcosImageReference]: "docker.io/library/redis:7.2" },
        { [annotation.dcosImageReference]: "quay.io/acme/db:1" },
      ],
    );
    assert.deepEqual(index.annotations, {
      "org.opencontainers.image.title": "sample",
      "org.opencontainers.image.version": "1.0-1",
      "org.opencontainers.image.vendor": "somebody@example.org",
    });
  });
});

describe("readPackageContent", () => {
  it("returns what the package was made of", async () => {
    const found = await readPackageContent(sample.root, reader(sample.content));
    assert.equal(found.root, sample.root);
    assert.deepEqual(found.definition, sample.definition);
    assert.deepEqual(
      found.assets.map(({ path, mediaType, size }) => [path.slice(65), mediaType, size]),
      [
        ["scheduler.zip", "application/zip", 9],
        ["a%2Bb.tar.gz", "application/gzip", 7],
        ["icon.png", "image/png", 4],
        ["dcos-sample", "application/octet-stream", 6],
      ],
    );
    assert.deepEqual(
      found.images.map(({ reference }) => reference),
      ["docker.io/library/redis:7.2", "quay.io/acme/db:1"],
    );
  });

  it("reads only documents, with the sizes that are stated", async () => {
    const asked = new Map<Digest, number>();
    await readPackageContent(sample.root, (digest, size) => {
      asked.set(digest, size);
      return reader(sample.content)(digest);
    });
    assert.equal(asked.size, 3);
    for (const [digest, size] of asked) {
      const actual = sample.content.get(digest)?.length;
      assert.equal(size, digest === sample.root ? 4 * 1024 * 1024 : actual);
    }
  });

  it("tells an unknown root from an incomplete package", async () => {
    const unknown = readPackageContent(digestOf("x"), reader(sample.content));
    await assert.rejects(unknown, BlobUnknown);
    const content = new Map(sample.content);
    content.delete(digestOf(JSON.stringify(sample.definition)));
    const incomplete = readPackageContent(sample.root, reader(content));
    await assert.rejects(incomplete, /the package is incomplete/);
  });

  it("believes no bytes that do not hash to their digest", async () => {
    const content = new Map(sample.content);
    content.set(sample.root, Buffer.from("{}"));
    await assert.rejects(readPackageContent(sample.root, reader(content)), /has other content/);
  });

  it("refuses other artifacts, and roots with a subject", async () => {
    const type = await refusal((root) => {
      root.artifactType = "application/vnd.other";
    });
    assert.match(type, /artifactType/);
    const metadata = await refusal((_, manifest) => {
      manifest.artifactType = "application/vnd.other";
    });
    assert.match(metadata, /does not begin with the metadata manifest/);
    const subject = await refusal((root) => {
      Object.assign(root, { subject: root.manifests[0] });
    });
    assert.match(subject, /no subject/);
    assert.match(await refusal((root) => void root.manifests.splice(0)), /is empty/);
    assert.match(
      await refusal((root) => void root.manifests.reverse()),
      /metadata manifest|broken/,
    );
  });

  it("refuses a config that is not the empty one", async () => {
    const message = await refusal((_, { config }) => {
      config.digest = digestOf("x");
    });
    assert.match(message, /empty config/);
  });

  it("refuses stated sizes that are wrong or too large", async () => {
    const layer =
      (size: number) =>
      (_: RootIndex, { layers }: MetadataManifest) => {
        Object.assign(layers[0] ?? {}, { size });
      };
    assert.match(await refusal(layer(1)), /longer than 1 bytes|not 1/);
    assert.match(await refusal(layer(100_000)), /not 100000/);
    assert.match(await refusal(layer(5 * 1024 * 1024)), /longer than 4194304 bytes/);
  });

  it("refuses no, or two, metadata documents", async () => {
    assert.match(await refusal((_, { layers }) => void layers.shift()), /no metadata.json/);
    const two = await refusal((_, { layers }) => void layers.push(...layers.slice(0, 1)));
    assert.match(two, /share a name/);
  });

  it("refuses files with a title that is no path, lies, or is unsafe", async () => {
    const other = "0".repeat(64);
    for (const title of [
      "",
      "x",
      `${other}/scheduler.zip`,
      "../x",
      ...["", ".", "..", "a b", "a/b", "a\\b", "a%2Fb", "a%", "a%zz", "a%00", "%2e%2e", "ä"].map(
        (name) => `${hexOf(digestOf("scheduler"))}/${name}`,
      ),
    ]) {
      const message = await refusal((_, { layers }) => {
        const layer = layers.find(({ digest }) => digest === digestOf("scheduler"));
        Object.assign(layer ?? {}, { annotations: { [annotation.title]: title } });
      });
      assert.match(message, /bad name|lacks the file/, title);
    }
  });

  it("refuses an empty file", async () => {
    const message = await refusal((_, { layers }) => {
      Object.assign(layers[1] ?? {}, { size: 0 });
    });
    assert.match(message, /empty file/);
  });

  it("wants a layer for every file that the definition names, and no other", async () => {
    const lacks = withUris({ ...uris, more: asset("more.zip", "more").path });
    assert.match(
      await refusal(unchanged, lacks),
      /lacks the file .* of \/resource\/assets\/uris\/more/,
    );
    const { archive: _, ...fewer } = uris;
    assert.match(await refusal(unchanged, withUris(fewer)), /does not name: .*scheduler.zip/);
  });

  it("keeps empty strings and URLs of assets, but nothing else", async () => {
    const kept = withUris({ ...uris, none: "", directory: "http://example.org/agent/" });
    const { root, content } = tampered(sample, unchanged, kept);
    const found = await readPackageContent(root, reader(content));
    assert.equal(
      found.definition.resource?.assets?.uris?.["directory"],
      "http://example.org/agent/",
    );
    for (const url of ["x.zip", "./x", "ftp://x/y", "https://", "https://u:p@x/", "https://x/ y"]) {
      assert.match(await refusal(unchanged, withUris({ ...uris, url })), /lacks the file/, url);
    }
  });

  it("wants icons, screenshots and CLI binaries to be files", async () => {
    for (const images of [{ "icon-small": "https://x/i.png" }, { screenshots: ["https://x/i"] }]) {
      const definition = { ...sample.definition, resource: { ...resource, images } };
      assert.match(await refusal(unchanged, definition), /lacks the file/);
    }
  });

  it("lets percent signs through for assets only", async () => {
    const images = { ...resource?.images, "icon-large": uris["escaped"] };
    const definition = { ...sample.definition, resource: { ...resource, images } };
    assert.match(await refusal(unchanged, definition), /file name of .*icon-large is not allowed/);
  });

  it("wants the contentHash of a CLI binary to be that of its file", async () => {
    const text = JSON.stringify(sample.definition);
    const wrong = text.replace(/"value":"[0-9a-f]{64}"/, `"value":"${"0".repeat(64)}"`);
    assert.match(await refusal(unchanged, JSON.parse(wrong)), /contentHash beside/);
  });

  it("wants exactly the images that the definition names, by their full references", async () => {
    assert.match(await refusal((root) => void root.manifests.pop()), /lacks the image quay.io/);
    const more = await refusal((root) => {
      const last = root.manifests.at(-1);
      const annotations = { [annotation.dcosImageReference]: "quay.io/acme/other:1" };
      root.manifests.push({ ...(last as RootIndex["manifests"][0]), annotations });
    });
    assert.match(more, /does not name: quay.io\/acme\/other:1/);
    const twice = await refusal((root) => void root.manifests.push(...root.manifests.slice(-1)));
    assert.match(twice, /stands twice/);
  });

  it("refuses image references that are short, malformed or contradict the digest", async () => {
    const named = (reference: string) => (root: RootIndex) => {
      const annotations = { [annotation.dcosImageReference]: reference };
      Object.assign(root.manifests[1] ?? {}, { annotations });
    };
    assert.match(await refusal(named("redis:7.2")), /no full reference/);
    assert.match(await refusal(named("")), /bad image/);
    assert.match(await refusal(named("docker.io/library/REDIS")), /bad image/);
    const pinned = `docker.io/library/redis@${digestOf("x")}`;
    assert.match(await refusal(named(pinned)), /is pinned to/);
    const type = await refusal((root) => {
      Object.assign(root.manifests[1] ?? {}, { mediaType: "application/json" });
    });
    assert.match(type, /neither a manifest nor an index/);
  });
});

describe("asset paths", () => {
  it("are 64 hexadecimal digits and one file name", () => {
    const hex = "a".repeat(64);
    assert.deepEqual(parseAssetPath(`${hex}/x.zip`), {
      digest: `sha256:${hex}`,
      fileName: "x.zip",
    });
    for (const text of ["", hex, `${hex}/`, `${hex}/a/b`, `A${hex.slice(1)}/x`, `/${hex}/x`]) {
      assert.equal(parseAssetPath(text), undefined, text);
    }
  });

  it("have names that mean one thing in a URL, a path and a header", () => {
    for (const name of ["x", "a-b_c.1~2+3=4@5,6.tar.gz", "..x", ".x"]) {
      assert.ok(isSafeFileName(name, { escapes: false }), name);
    }
    for (const name of ["", ".", "..", "a b", "a/b", "a?b", "a#b", "a\nb", "ä", "x".repeat(256)]) {
      assert.ok(!isSafeFileName(name, { escapes: true }), name);
    }
    assert.ok(isSafeFileName("a%2Bb", { escapes: true }));
    assert.ok(!isSafeFileName("a%2Bb", { escapes: false }));
  });
});

describe("fileReferences", () => {
  it("finds every place that names a file, in the order of fetching", () => {
    assert.deepEqual(
      fileReferences(sample.definition).map(({ kind, key }) => `${kind} ${key}`),
      [
        "asset archive",
        "asset escaped",
        "asset prefix",
        "icon icon-small",
        "icon icon-medium",
        "screenshot 0",
        "cli linux",
      ],
    );
  });

  it("points to each place with an escaped JSON pointer", () => {
    const definition = withUris({ "a/b~c": "x" });
    assert.equal(fileReferences(definition)[0]?.pointer, "/resource/assets/uris/a~1b~0c");
  });
});
