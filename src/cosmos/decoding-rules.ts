/**
 * Rules D1 to D12: whether Cosmos' decoders take the packages.
 *
 * A failure here takes down the package catalogue of a cluster. Rules that are ours and stricter than
 * Cosmos are marked `own`, so that the mini-Cosmos can do without them.
 */
import type { ClientProfile } from "./client-profile.ts";
import type { Violations } from "./violation.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface DecodingOptions {
  /** Also the rules that Cosmos itself does not have. */
  readonly own: boolean;
  readonly packagingVersions: ClientProfile["packagingVersions"];
}

const known: ReadonlySet<unknown> = new Set(["2.0", "3.0", "4.0", "5.0"]);
const strings = [
  "scm",
  "website",
  "preInstallNotes",
  "postInstallNotes",
  "postUninstallNotes",
] as const;
const booleans = ["selected", "framework", "hasKnownIssues"] as const;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const identifier = "(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)";
const releaseVersion = new RegExp(
  `^(?:0|[1-9]\\d*)(?:\\.(?:0|[1-9]\\d*))*(?:-${identifier}(?:\\.${identifier})*)?$`,
);

/** @returns the packages that are objects */
export function checkDecoding(
  json: unknown,
  options: DecodingOptions,
  violations: Violations,
): Json[] {
  const packages = isObject(json) ? json["packages"] : undefined;
  if (!Array.isArray(packages)) {
    violations.add("D1", 'no object with an array "packages"');
    return [];
  }
  for (const [position, one] of packages.entries()) {
    const place = violations.at(` ${nameOf(one, position)} `);
    if (isObject(one)) checkPackage(one, options, place);
    else place.add("D1", "a package is an object");
  }
  return packages.filter(isObject);
}

export function nameOf(one: unknown, position: number): string {
  return isObject(one) && isText(one["name"])
    ? `${one["name"]} ${one["version"]}`
    : `packages[${position}]`;
}

function checkPackage(one: Json, options: DecodingOptions, violations: Violations): void {
  checkVersions(one, options, violations);
  checkTexts(one, violations);
  checkTemplate(one, options, violations);
  checkLists(one, violations);
  if (present(one["resource"])) checkResource(one["resource"], violations);
}

function checkVersions(one: Json, { own, packagingVersions }: DecodingOptions, v: Violations) {
  const { packagingVersion, releaseVersion: release, lastUpdated } = one;
  v.expect(known.has(packagingVersion), "D2", `packagingVersion ${packagingVersion}`);
  if (own && known.has(packagingVersion)) {
    const right = packagingVersions.includes(String(packagingVersion));
    v.expect(right, "D2", `packagingVersion ${packagingVersion} for this reader`);
  }
  v.expect(Number.isSafeInteger(release) && Number(release) >= 0, "D4", `release ${release}`);
  if (present(lastUpdated)) {
    v.expect(Number.isSafeInteger(lastUpdated), "D9", `lastUpdated ${lastUpdated}`);
  }
  checkMinimum(one["minDcosReleaseVersion"], v);
}

function checkMinimum(minimum: unknown, violations: Violations): void {
  if (!present(minimum)) return;
  const [numbers = ""] = String(minimum).split("-");
  const right =
    isText(minimum) &&
    releaseVersion.test(minimum) &&
    numbers.split(".").every((one) => Number(one) < 2 ** 31);
  violations.expect(right, "D8", `minDcosReleaseVersion ${minimum}`);
}

function checkTexts(one: Json, violations: Violations): void {
  for (const field of ["name", "version", "maintainer", "description"]) {
    violations.expect(isText(one[field]), "D3", `${field} is no string`);
  }
  violations.expect(isArrayOf(one["tags"], /^\S+$/), "D3", "tags is no array of words");
  for (const field of strings) {
    violations.expect(!present(one[field]) || isText(one[field]), "D5", `${field} is no string`);
  }
  for (const field of booleans) {
    const right = !present(one[field]) || typeof one[field] === "boolean";
    violations.expect(right, "D5", `${field} is no boolean`);
  }
  violations.expect(!present(one["config"]) || isObject(one["config"]), "D5", "config no object");
}

function checkTemplate(one: Json, { own }: DecodingOptions, violations: Violations): void {
  const { marathon, packagingVersion } = one;
  if (!present(marathon)) {
    violations.expect(packagingVersion !== "2.0", "D6", "2.0 without marathon");
    return;
  }
  const template = isObject(marathon) ? marathon["v2AppMustacheTemplate"] : undefined;
  if (!isText(template) || !base64.test(template)) {
    violations.add("D6", "the template is no base64");
    return;
  }
  if (own) violations.expect(isUtf8(Buffer.from(template, "base64")), "D6", "template no UTF-8");
}

function checkLists(one: Json, violations: Violations): void {
  const { licenses, manager } = one;
  if (present(licenses)) {
    const right =
      Array.isArray(licenses) &&
      licenses.every((each) => isObject(each) && isText(each["name"]) && isUri(each["url"]));
    violations.expect(right, "D7", "licenses is no array of {name, url}");
  }
  for (const field of ["upgradesFrom", "downgradesTo"]) {
    violations.expect(!present(one[field]) || isArrayOf(one[field]), "D10", `${field} no strings`);
  }
  if (present(manager)) {
    const right = isObject(manager) && isText(manager["packageName"]);
    violations.expect(right, "D10", "manager without packageName");
  }
}

function checkResource(resource: unknown, violations: Violations): void {
  if (!isObject(resource)) {
    violations.add("D11", "resource is no object");
    return;
  }
  const { assets, images, cli } = resource;
  if (present(assets)) checkAssets(assets, violations);
  if (present(images)) checkImages(images, violations);
  if (present(cli)) checkCli(cli, violations);
}

function checkAssets(assets: unknown, violations: Violations): void {
  if (!isObject(assets)) {
    violations.add("D11", "assets is no object");
    return;
  }
  const { uris, container } = assets;
  violations.expect(!present(uris) || isMapOfText(uris), "D11", "uris is no map of strings");
  if (!present(container)) return;
  const right = isObject(container) && isMapOfText(container["docker"]);
  violations.expect(right, "D11", "container without docker, a map of strings");
}

function checkImages(images: unknown, violations: Violations): void {
  if (!isObject(images)) {
    violations.add("D11", "images is no object");
    return;
  }
  for (const name of ["icon-small", "icon-medium", "icon-large"]) {
    violations.expect(!present(images[name]) || isText(images[name]), "D11", `${name} no string`);
  }
  const { screenshots } = images;
  violations.expect(!present(screenshots) || isArrayOf(screenshots), "D11", "screenshots");
}

function checkCli(cli: unknown, violations: Violations): void {
  const binaries = isObject(cli) ? cli["binaries"] : undefined;
  if (isObject(cli) && !present(binaries)) return;
  if (!isObject(binaries)) {
    violations.add("D12", "binaries is no object");
    return;
  }
  for (const platform of ["linux", "darwin", "windows"]) {
    const entry = binaries[platform];
    if (present(entry)) violations.expect(isBinary(entry), "D12", `${platform} is incomplete`);
  }
}

function isBinary(entry: unknown): boolean {
  const binary = isObject(entry) ? entry["x86-64"] : undefined;
  if (!isObject(binary)) return false;
  const { kind, url, contentHash } = binary;
  return (
    isText(kind) &&
    isText(url) &&
    Array.isArray(contentHash) &&
    contentHash.every((hash) => isObject(hash) && isText(hash["algo"]) && isText(hash["value"]))
  );
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isArrayOf(value: unknown, grammar = /^/): boolean {
  return Array.isArray(value) && value.every((one) => isText(one) && grammar.test(one));
}

function isMapOfText(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isText);
}

/** Relative references are URIs too. */
function isUri(value: unknown): boolean {
  return isText(value) && !/\s/.test(value) && URL.canParse(value, "https://base.test");
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
