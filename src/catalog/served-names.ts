/**
 * Under which names agents find the images and files of a package in this registry.
 *
 *     <image host>/<package>/<original host, unless Docker Hub>/<repository>:<tag>-<12 hex>
 *     <public url>/resources/<64 hex>/<file name>
 *
 * A name depends on the package alone, so it is the same on every instance, after a restore and in
 * another cluster; the digest in it keeps packages and versions from changing each other's images.
 */
import { algorithmOf, type Digest, digestOf, hexOf } from "../oci/digest.ts";
import {
  type ImageReference,
  isRepositoryName,
  parseImageReference,
  parseRepositoryName,
  type RepositoryName,
} from "../oci/reference.ts";
import type { PackageImage } from "../packages/package-content.ts";
import type { ServedImage } from "./package-record.ts";

const maximumTag = 128;
const shownDigits = 12;
const servedSuffix = /-[0-9a-f]{12}$/;

/**
 * @throws {ReferenceInvalid} when the image's reference is malformed
 * @throws {NameInvalid} when the package's name cannot start a repository name
 */
export function servedImage(packageName: string, image: PackageImage): ServedImage {
  const source = parseImageReference(image.reference);
  return {
    ...image,
    repository: servedRepository(packageName, source),
    tag: servedTag(source.tag, image.descriptor.digest),
  };
}

/** Where the root and the metadata of a package are linked; no client can write there. */
export function packageHome(packageName: string): RepositoryName {
  return parseRepositoryName(`dcos_packages/${packageName}`);
}

/** What agents pull: `dcos-registry.example:443/redis/library/redis:7.2-0123456789ab`. */
export function imageReference(imageHost: string, { repository, tag }: ServedImage): string {
  return `${imageHost}/${repository}:${tag}`;
}

/**
 * @param publicUrl where Cosmos and agents reach this registry, with or without a final slash
 * @param path      `<64 hex>/<file name>`, kept to the letter: Mesos names the file by its last segment
 */
export function assetUrl(publicUrl: string, path: string): string {
  return `${publicUrl.replace(/\/+$/, "")}/resources/${path}`;
}

/** Names longer than a repository name may be are replaced by their hash. */
function servedRepository(packageName: string, { host, repository }: ImageReference): string {
  const origin = host === "docker.io" ? repository : `${hostComponent(host)}/${repository}`;
  const readable = `${packageName}/${origin}`;
  if (isRepositoryName(readable)) return readable;
  return parseRepositoryName(`${packageName}/${hexOf(digestOf(origin)).slice(0, 32)}`);
}

/** `host:5000` → `host_5000`; hosts have no `_` of their own. `[::1]` → `ipv6__z-z-1`. */
function hostComponent(host: string): string {
  const [, address, port] = /^\[([0-9a-f:]+)\](?::([0-9]+))?$/.exec(host) ?? [];
  if (address === undefined) return host.replace(":", "_");
  const groups = address.split(":").map((group) => group || "z");
  return `ipv6__${groups.join("-")}${port ? `_${port}` : ""}`;
}

/** Whether a tag has the form of those that are made here; clients may use the same. */
export function isServedTag(tag: string): boolean {
  return servedSuffix.test(tag);
}

function servedTag(tag: string | undefined, digest: Digest): string {
  const suffix = `-${hexOf(digest).slice(0, shownDigits)}`;
  return (tag ?? algorithmOf(digest)).slice(0, maximumTag - suffix.length) + suffix;
}
