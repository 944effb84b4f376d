/**
 * The Mesos containerizer: its two curl command lines, word for word, on an agent that trusts the
 * CA through curl's own file. It reads Docker schema 2 only and takes no answer but 200.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { ClientRegistry, registryHost } from "../fixtures/client-registry.ts";
import {
  amd64,
  arm64,
  type ImageFormat,
  makeImage,
  makeIndex,
  type TestImage,
} from "../fixtures/image.ts";
import { lacking } from "../fixtures/requirements.ts";

const skip = lacking("unshare", "nsenter", "ip", "curl", "skopeo");

const accepted = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
].join();

interface Manifest {
  readonly mediaType: string;
  readonly config: { readonly mediaType: string; readonly digest: Digest };
  readonly layers: readonly { readonly mediaType: string; readonly digest: Digest }[];
}

describe("the Mesos containerizer against the registry", { skip }, () => {
  let registry: ClientRegistry;

  before(async () => {
    registry = await ClientRegistry.start("mesos");
  });

  after(() => registry?.close());

  /** What the agent's configuration gives curl; the command lines carry no option for it. */
  const trust = () => ({ env: { CURL_CA_BUNDLE: registry.server.developmentCaFile } });

  async function fetchManifest(
    repository: string,
    reference: string,
    more: readonly string[] = [],
  ): Promise<Manifest> {
    const line = ["-s", "-S", "-L", "-i", "--raw", "--http1.1", "-H", `Accept: ${accepted}`];
    const stall = ["-y", "60"];
    const url = `https://${registryHost}/v2/${repository}/manifests/${reference}`;
    const answer = await registry.output("curl", [...line, ...more, ...stall, url], trust());
    const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
    assert.match(head, /^HTTP\/1\.1 200 /, answer);
    assert.equal(/^content-type: (.*?)\r?$/im.exec(head)?.[1], mediaType.dockerManifest);
    assert.doesNotMatch(head, /^transfer-encoding/im);
    assert.equal(/^content-length: (.*?)\r?$/im.exec(head)?.[1], String(Buffer.byteLength(body)));
    assert.equal(
      /^docker-content-digest: (.*?)\r?$/im.exec(head)?.[1],
      digestOf(Buffer.from(body)),
    );
    return JSON.parse(body) as Manifest;
  }

  /** Without `-L`: whatever is not 200 at once would be followed by hand or fail. */
  async function fetchBlob(repository: string, digest: Digest): Promise<Buffer> {
    const file = registry.at("blob");
    const url = `https://${registryHost}/v2/${repository}/blobs/${digest}`;
    const line = ["-s", "-S", "-w", "%{http_code}\n%{redirect_url}", "-o", file, "-y", "60", url];
    assert.equal(await registry.output("curl", line, trust()), "200");
    return readFile(file);
  }

  /** Everything that a container needs, as the agent fetches it. */
  async function fetchImage(repository: string, manifest: Manifest, image: TestImage) {
    assert.equal(manifest.config.mediaType, mediaType.dockerConfig);
    for (const { mediaType: type } of manifest.layers) {
      assert.equal(type, mediaType.dockerLayerGzip);
    }
    const digests = [manifest.config, ...manifest.layers].map(({ digest }) => digest);
    assert.equal(digests.length, image.contents.size - 1);
    for (const digest of digests) {
      assert.deepEqual(await fetchBlob(repository, digest), image.contents.get(digest)?.bytes);
    }
  }

  const make = (format: ImageFormat, platform = amd64) =>
    makeImage({ format, platform, layers: [[{ path: "a", content: `mesos ${format}` }]] });

  for (const format of ["docker", "oci"] as const) {
    it(`fetches a single ${format} image by tag and by digest, with every blob`, async () => {
      const image = await make(format);
      await registry.seed(image, `mesos/${format}:1`);
      const byTag = await fetchManifest(`mesos/${format}`, "1");
      await fetchImage(`mesos/${format}`, byTag, image);
      const byDigest = await fetchManifest(`mesos/${format}`, image.descriptor.digest);
      assert.deepEqual(byDigest, byTag);
    });

    it(`gets the linux/amd64 image of a ${format} index by tag and by digest`, async () => {
      const image = await make(format);
      const index = makeIndex([await make(format, arm64), image], format);
      await registry.seed(index, `mesos/${format}-index:1`);
      const byTag = await fetchManifest(`mesos/${format}-index`, "1");
      await fetchImage(`mesos/${format}-index`, byTag, image);
      const byDigest = await fetchManifest(`mesos/${format}-index`, index.descriptor.digest);
      assert.deepEqual(byDigest, byTag);
    });
  }

  it("is answered alike when it sends an image pull secret at once, right or wrong", async () => {
    await registry.seed(await make("oci"), "mesos/secret:1");
    const manifest = await fetchManifest("mesos/secret", "1");
    for (const secret of ["ci:correct horse", "ci:wrong"]) {
      const basic = `Authorization: Basic ${Buffer.from(secret).toString("base64")}`;
      assert.deepEqual(await fetchManifest("mesos/secret", "1", ["-H", basic]), manifest);
    }
  });

  it("is told in words why an index without linux/amd64 cannot be had", async () => {
    const index = makeIndex([await make("oci", arm64)], "oci");
    await registry.seed(index, "mesos/arm:1");
    const url = `https://${registryHost}/v2/mesos/arm/manifests/1`;
    const line = ["-s", "-S", "-i", "-H", `Accept: ${accepted}`, url];
    const answer = await registry.output("curl", line, trust());
    assert.match(answer, /^HTTP\/1\.1 404 /);
    assert.match(answer, /"MANIFEST_UNKNOWN".*linux\/amd64/);
  });

  it("cannot fetch without the CA", async () => {
    const url = `https://${registryHost}/v2/mesos/docker/manifests/1`;
    const { code } = await registry.run("curl", ["-s", "-S", url]);
    assert.equal(code, 60);
  });
});
