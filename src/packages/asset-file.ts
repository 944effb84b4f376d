/**
 * The names that a package's files have inside the package: `<64 hex of the content>/<file name>`.
 *
 * The file name is what users, agents and templates see, so it stays the original one; it is also
 * part of a URL and of a path, so only harmless characters are let through.
 */
import type { Digest } from "../oci/digest.ts";
import { hexOf, isDigest } from "../oci/digest.ts";
import { mediaType } from "../oci/media-type.ts";

export interface AssetPath {
  readonly digest: Digest;
  readonly fileName: string;
}

const path = /^([a-f0-9]{64})\/([^/]+)$/;
const safeCharacters = /^[A-Za-z0-9._%+~=@,-]{1,255}$/;

/**
 * Whether `name` can stand as last segment of a URL without being read in two ways.
 *
 * @param escapes whether `%XX` is let through: the Mesos fetcher names files by the raw segment
 */
export function isSafeFileName(name: string, { escapes }: { escapes: boolean }): boolean {
  if (!safeCharacters.test(name) || /^\.{1,2}$/.test(name)) return false;
  if (!name.includes("%")) return true;
  if (!escapes) return false;
  try {
    const decoded = decodeURIComponent(name);
    return !/[/\\\p{Cc}]/u.test(decoded) && !/^\.{1,2}$/.test(decoded);
  } catch {
    return false; // not an escape, or not UTF-8
  }
}

/** Undefined when `text` does not even look like a path inside a package. */
export function parseAssetPath(text: string): AssetPath | undefined {
  const [, hex, fileName] = path.exec(text) ?? [];
  const digest = `sha256:${hex}`;
  return fileName !== undefined && isDigest(digest) ? { digest, fileName } : undefined;
}

export function formatAssetPath({ digest, fileName }: AssetPath): string {
  return `${hexOf(digest)}/${fileName}`;
}

const types: Readonly<Record<string, string>> = {
  gif: "image/gif",
  gz: "application/gzip",
  jar: "application/java-archive",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  tar: "application/x-tar",
  tgz: "application/gzip",
  txt: "text/plain",
  zip: "application/zip",
};

/** By file extension; anything unknown is a stream of octets. */
export function mediaTypeOf(fileName: string): string {
  const extension = fileName.slice(fileName.lastIndexOf(".") + 1).toLowerCase();
  return Object.hasOwn(types, extension) ? (types[extension] as string) : mediaType.octetStream;
}
