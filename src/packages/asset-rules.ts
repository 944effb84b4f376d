/**
 * Checks the strings of `resource` that lead somewhere: URLs, paths, image references.
 *
 * Nothing is fetched here: what can be said from the string and the local disk is said early, the
 * rest is for `build`.
 */
import { stat } from "node:fs/promises";
import path from "node:path";
import { parseImageReference, ReferenceInvalid } from "../oci/reference.ts";
import { parseAssetLocation } from "./asset-location.ts";
import type { JsonCursor } from "./json-cursor.ts";
import { quote } from "./quote.ts";
import { explainFileError } from "./read-definition-file.ts";

/** A string of `resource` that names a file, somewhere. */
export interface AssetPlace {
  readonly cursor: JsonCursor;
  /** `asset "scheduler-zip"`, `icon "icon-small"`, `screenshot 1`, `CLI binary for linux (x86-64)`. */
  readonly name: string;
  /** Key of `assets.uris`, which `--keep-url` takes. */
  readonly key?: string;
  readonly value: string;
}

/**
 * `build` is about to fetch everything: it finds out itself what leads nowhere, and tells all of that
 * together. `migrate` fetches nothing, so the string and the local disk must do.
 */
export type Step = "migrate" | "build";

export function assetPlaces(resource: JsonCursor): AssetPlace[] {
  const images = resource.member("images");
  const icons = (images?.members() ?? []).filter(([key]) => key.startsWith("icon-"));
  const screenshots = images?.member("screenshots")?.items() ?? [];
  const binaries = resource.member("cli")?.member("binaries")?.members() ?? [];
  return [
    ...(resource.member("assets")?.member("uris")?.members() ?? []).flatMap(([key, cursor]) =>
      place(cursor, `asset ${quote(key)}`, key),
    ),
    ...icons.flatMap(([key, cursor]) => place(cursor, `icon ${quote(key)}`)),
    ...screenshots.flatMap((cursor, index) => place(cursor, `screenshot ${index + 1}`)),
    ...binaries.flatMap(([platform, binary]) =>
      place(binary.member("x86-64")?.member("url"), `CLI binary for ${platform} (x86-64)`),
    ),
  ];
}

/** The docker images that the package bundles, as written. */
export function bundledImages(resource: JsonCursor | undefined): string[] {
  const images = resource?.member("assets")?.member("container")?.member("docker")?.members() ?? [];
  return images.flatMap(([, { value }]) => (typeof value === "string" ? [value] : []));
}

/**
 * @param base absolute; the directory that relative paths start from
 */
export async function checkAssets(resource: JsonCursor, base: string, step: Step): Promise<void> {
  for (const asset of assetPlaces(resource)) {
    warnOfLocation(asset);
    if (step === "migrate") await checkLocation(asset, base);
  }
  const images = resource.member("assets")?.member("container")?.member("docker")?.members() ?? [];
  for (const [, image] of images) checkImage(image);
}

function place(cursor: JsonCursor | undefined, name: string, key?: string): AssetPlace[] {
  if (typeof cursor?.value !== "string") return [];
  return [{ cursor, name, ...(key !== undefined && { key }), value: cursor.value }];
}

function warnOfLocation({ cursor, name, value }: AssetPlace): void {
  const location = parseAssetLocation(value);
  if (value.includes("{{")) {
    cursor.warning("W221", `${name} holds the unrendered placeholder ${quote(value)}`);
  }
  if (location.kind === "empty") cursor.warning("W145", `${name} is empty`);
  else if (location.kind === "file" && location.url.protocol === "http:") {
    cursor.warning("W141", `${name} is fetched over plain http`);
  }
}

async function checkLocation(asset: AssetPlace, base: string): Promise<void> {
  const { cursor, name, value } = asset;
  const location = parseAssetLocation(value);
  if (location.kind === "malformed") cursor.error("E141", `${name}: ${quote(value)} is no URL`);
  else if (location.kind === "unsupported") {
    const known = "https, http or a file path";
    cursor.error("E141", `${name}: URL scheme "${location.scheme}" is not supported (${known})`);
  } else if (location.kind === "prefix") warnOfPrefix(asset);
  else if (location.kind === "path") {
    const problem = await fileProblem(path.resolve(base, location.path));
    if (problem) cursor.error("E140", `${name}: ${problem}: ${location.path}`);
  }
}

function warnOfPrefix({ cursor, name, value, key }: AssetPlace): void {
  const what = "names a server or directory, not a file; it cannot be bundled";
  const keep = key === undefined ? "" : `, or build with --keep-url=${key}`;
  const hint = `add the full URL of each file as an asset${keep}`;
  cursor.warning("W145", `${name} (${value}) ${what}`, hint);
}

async function fileProblem(file: string): Promise<string | undefined> {
  try {
    const found = await stat(file);
    return found.isFile() ? undefined : "not a regular file";
  } catch (error) {
    return explainFileError(error);
  }
}

function checkImage(cursor: JsonCursor): void {
  const { value } = cursor;
  if (typeof value !== "string") return;
  try {
    const { tag, digest } = parseImageReference(value);
    if (digest !== undefined || tag !== "latest") return;
    const changes = "that may change between builds";
    const message = value.endsWith(":latest")
      ? `image ${quote(value)} is bundled as it is at build time, and ${changes}`
      : `image ${quote(value)} has no tag; "latest" is bundled, and ${changes}`;
    cursor.warning("W147", message);
  } catch (error) {
    if (!(error instanceof ReferenceInvalid)) throw error;
    cursor.error("E147", error.message);
  }
}
