/**
 * Looks at the strings that name files, before anything is fetched: which stay, which cannot be.
 *
 * An empty asset stays by itself (there is nothing to bundle); the start of a URL stays only when
 * the user says so, because the app will then look for it outside the cluster.
 */
import { type FileReference, fileReferences } from "../../packages/definition-files.ts";
import type { Finding, FindingPlace } from "../../packages/finding.ts";
import type { PackageDefinition } from "../../packages/package-definition.ts";
import { isKeptUrl } from "../../packages/read-package-content.ts";
import { UsageError } from "../cli-error.ts";
import { locate, printableUrl } from "./file-location.ts";
import { nameOf } from "./file-problem.ts";

export interface CheckedLocations {
  /** Pointers of the strings that stay as they are. */
  readonly kept: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

/**
 * @param keepUrls keys of `assets.uris` whose strings stay as they are
 * @throws {UsageError} when a key does not exist or its string is no URL
 */
export function checkLocations(
  definition: PackageDefinition,
  keepUrls: readonly string[],
  place: (pointer: string) => FindingPlace,
): CheckedLocations {
  const references = fileReferences(definition);
  const kept = new Set(keepUrls.map((key) => findKept(references, key).pointer));
  const findings: Finding[] = [];
  for (const reference of references) {
    const { kind, url, pointer } = reference;
    if (kind === "asset" && url === "") kept.add(pointer);
    else if (kept.has(pointer)) findings.push(keptUrl(reference, place(pointer)));
    else findings.push(...check(reference, definition, place(pointer)));
  }
  return { kept, findings };
}

/** What the user asked for, said aloud: whoever installs the package has to make it reachable. */
function keptUrl(reference: FileReference, place: FindingPlace): Finding {
  const message = `${nameOf(reference)} (${printableUrl(reference.url)}) is kept: services fetch from there, not from the registry`;
  return { ...place, severity: "warning", code: "W145", message };
}

function findKept(references: readonly FileReference[], key: string): FileReference {
  const found = references.find((reference) => reference.kind === "asset" && reference.key === key);
  if (found === undefined) {
    const known = references.filter(({ kind }) => kind === "asset").map((other) => other.key);
    const hint = known.length > 0 ? `the package has: ${known.join(", ")}` : undefined;
    throw new UsageError(`--keep-url: there is no asset "${key}"`, { hint });
  }
  if (isKeptUrl(found.url)) return found;
  throw new UsageError(`--keep-url: asset "${key}" is not an http or https URL`);
}

function check(
  reference: FileReference,
  definition: PackageDefinition,
  place: FindingPlace,
): Finding[] {
  const location = locate(reference);
  const name = nameOf(reference);
  switch (location.kind) {
    case "none":
      return [{ ...place, severity: "error", code: "E145", message: `${name} is empty` }];
    case "prefix":
      return [{ ...place, severity: "error", code: "E145", ...prefix(reference, definition) }];
    default:
      return location.notes.map((note) => ({
        ...place,
        severity: "warning",
        code: "W146",
        message: `${name}: ${note}`,
      }));
  }
}

function prefix(reference: FileReference, definition: PackageDefinition) {
  const { kind, key, url } = reference;
  const what = /^[^/]+\/\/[^/]+\/?$/.test(url) ? "a server" : "a directory";
  const message = `${nameOf(reference)} (${printableUrl(url)}) names ${what}, not a file; it cannot be bundled`;
  if (kind !== "asset") return { message };
  const suffix = suffixInTemplate(definition, key);
  const appends = suffix === undefined ? "" : `the template appends "${suffix}": `;
  return {
    message,
    hint: `${appends}add the full URL as an asset, or pass --keep-url=${key}`,
  };
}

/** What the template writes behind the asset, up to the end of the string. */
function suffixInTemplate({ marathon }: PackageDefinition, key: string): string | undefined {
  const template = Buffer.from(marathon?.v2AppMustacheTemplate ?? "", "base64").toString("utf8");
  const tag = /\{\{\{?\s*resource\.assets\.uris\.([\w-]+)\s*\}\}\}?([^"\s]{1,100})/g;
  return [...template.matchAll(tag)].find(([, name]) => name === key)?.[2];
}
