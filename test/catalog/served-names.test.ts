import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assetUrl, imageReference, servedImage } from "../../src/catalog/served-names.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import {
  formatImageReference,
  isRepositoryName,
  isTag,
  parseImageReference,
} from "../../src/oci/reference.ts";
import { random } from "../random.ts";

const digest = digestOf("an image");
const hex = digest.slice("sha256:".length, "sha256:".length + 12);

function served(reference: string, packageName = "redis", content = "an image") {
  const descriptor = { mediaType: mediaType.ociManifest, digest: digestOf(content), size: 8 };
  return servedImage(packageName, {
    reference: formatImageReference(parseImageReference(reference)),
    descriptor,
  });
}

const name = (reference: string) => imageReference("registry.test:443", served(reference));

describe("served image names", () => {
  const longHost = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.test`;
  const cases: [reference: string, expected: string][] = [
    ["redis", `redis/library/redis:latest-${hex}`],
    ["redis:7.2", `redis/library/redis:7.2-${hex}`],
    ["docker.io/acme/db:1", `redis/acme/db:1-${hex}`],
    ["quay.io/calico/node:v3.2.1", `redis/quay.io/calico/node:v3.2.1-${hex}`],
    ["k8s.gcr.io/pause:3.2", `redis/k8s.gcr.io/pause:3.2-${hex}`],
    ["localhost:5000/a/b:1", `redis/localhost_5000/a/b:1-${hex}`],
    ["REG.Example.test:5000/a/b:1", `redis/reg.example.test_5000/a/b:1-${hex}`],
    ["[::1]:5000/a:1", `redis/ipv6__z-z-1_5000/a:1-${hex}`],
    ["[fe80::]/a:1", `redis/ipv6__fe80-z-z/a:1-${hex}`],
    [`acme/db@${digest}`, `redis/acme/db:sha256-${hex}`],
    [`acme/db:9@${digest}`, `redis/acme/db:9-${hex}`],
    ["acme/db:_x", `redis/acme/db:_x-${hex}`],
    [`acme/db:${"t".repeat(128)}`, `redis/acme/db:${"t".repeat(115)}-${hex}`],
  ];
  for (const [reference, expected] of cases) {
    it(`serves ${reference.slice(0, 40)}`, () => {
      assert.equal(name(reference), `registry.test:443/${expected}`);
    });
  }

  it("shortens what does not fit a repository name, keeping sources apart", () => {
    const one = served(`${longHost}/${"x".repeat(60)}/${"y".repeat(60)}:1`);
    const two = served(`${longHost}/${"x".repeat(60)}/${"z".repeat(60)}:1`);
    assert.match(one.repository, /^redis\/[0-9a-f]{32}$/);
    assert.notEqual(one.repository, two.repository);
  });

  it("keeps hosts apart that differ in port, brackets or case of nothing else", () => {
    const hosts = ["[::1]", "[::1]:5000", "[1::]", "localhost", "localhost:5000", "h-5000.test"];
    const names = hosts.map((host) => served(`${host}/a:1`).repository);
    assert.equal(new Set(names).size, hosts.length);
  });

  it("refuses a package name that starts no repository name", () => {
    assert.throws(() => served("redis", "Redis"), { code: "NAME_INVALID" });
    assert.throws(() => served("redis", "x".repeat(256)), { code: "NAME_INVALID" });
  });

  it("gives every legal reference a legal name, and no two images of a package the same", () => {
    const { pick, integer } = random(19);
    const host = () => pick(["", "", "quay.io/", "docker.io/", "localhost:5000/", "[::1]:80/"]);
    const part = () => `${pick(["a", "lib", "x9"])}${pick(["", ".b", "__c", "-d", "---e"])}`;
    const path = () => Array.from({ length: integer(1, 90) }, part).join("/");
    const tag = () => pick(["", ":latest", ":V1", `:${"q".repeat(integer(1, 128))}`]);
    const seen = new Map<string, string>();
    let checked = 0;
    for (let round = 0; round < 3000; round += 1) {
      const written = `${host()}${path()}${tag()}`;
      if (written.split(":")[0]?.length === 0 || !parses(written)) continue;
      const { repository, tag: newTag } = served(written, "pack-age", `content ${round}`);
      assert.ok(isRepositoryName(repository), repository);
      assert.ok(isTag(newTag), newTag);
      const full = `${repository}:${newTag}`;
      assert.equal(seen.get(full), undefined, `${full} twice`);
      seen.set(full, written);
      checked += 1;
    }
    assert.ok(checked > 1000, `only ${checked} references were legal`);
  });

  it("depends on nothing but package, reference and digest", () => {
    assert.deepEqual(served("redis:1"), served("docker.io/library/redis:1"));
    assert.notEqual(served("redis:1", "a-b").repository, served("redis:1", "a-c").repository);
    assert.notEqual(served("redis:1", "aa", "1").tag, served("redis:1", "aa", "2").tag);
  });
});

function parses(reference: string): boolean {
  try {
    parseImageReference(reference);
    return true;
  } catch {
    return false;
  }
}

describe("asset URLs", () => {
  it("end in the path of the asset, to the letter", () => {
    const path = `${"0".repeat(64)}/1.13%2Bui.tar.gz`;
    for (const base of ["https://registry.test", "https://registry.test/"]) {
      assert.equal(assetUrl(base, path), `https://registry.test/resources/${path}`);
    }
    assert.equal(
      assetUrl("https://cluster.test/service/registry/", path),
      `https://cluster.test/service/registry/resources/${path}`,
    );
  });
});
