/**
 * Where a file of a package comes from, and the name under which it will be served.
 *
 * The served name is the last segment of the source, as it stands there: templates and the Mesos
 * fetcher know the file by it.
 */
import { isSafeFileName } from "../../packages/asset-file.ts";
import { parseAssetLocation } from "../../packages/asset-location.ts";
import type { FileReference } from "../../packages/definition-files.ts";
import { quote } from "../../packages/quote.ts";

export type FileLocation =
  | { readonly kind: "url"; readonly url: URL; readonly name: string; readonly notes: string[] }
  | {
      readonly kind: "path";
      readonly path: string;
      readonly name: string;
      readonly notes: string[];
    }
  /** Nothing that could be fetched. */
  | { readonly kind: "none" }
  /** A server or a directory: the start of a URL that a template completes. */
  | { readonly kind: "prefix" };

/** @param reference of a definition that has been read, so that its URLs are known to be some */
export function locate({ kind, url }: Pick<FileReference, "kind" | "url">): FileLocation {
  const location = parseAssetLocation(url);
  if (location.kind === "file") return locateUrl(location.url, kind);
  if (location.kind === "path") return locatePath(location.path, kind);
  return { kind: location.kind === "prefix" ? "prefix" : "none" };
}

function locateUrl(url: URL, kind: FileReference["kind"]): FileLocation {
  const segment = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  const { name, notes } = servedName(segment, kind);
  const dropped =
    url.search === "" ? [] : [`the query of its URL is dropped; it is served as ${name}`];
  return { kind: "url", url, name, notes: [...dropped, ...notes] };
}

function locatePath(path: string, kind: FileReference["kind"]): FileLocation {
  const segment = path.slice(path.lastIndexOf("/") + 1);
  return { kind: "path", path, ...servedName(segment, kind) };
}

function servedName(segment: string, kind: FileReference["kind"]) {
  // Cosmos hands icons and CLI binaries on by their URL and cannot cope with escapes in it.
  if (isSafeFileName(segment, { escapes: kind === "asset" })) return { name: segment, notes: [] };
  const plain = decode(segment).replaceAll(/[^A-Za-z0-9._+~=@,-]/g, "_");
  const name = /^\.{1,2}$/.test(plain) ? plain.replaceAll(".", "_") : plain.slice(-255);
  return {
    name,
    notes: [`${quote(segment)} cannot be a file name in a URL; it is served as ${name}`],
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // a percent sign that escapes nothing
  }
}

/** For people: without user and password, which a URL may hold. */
export function printableUrl(text: string): string {
  return text.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#@]*@/, "$1***@");
}

/** What is remembered of the source: a query may be a signature, so it is left out. */
export function sourceOf(text: string): string {
  if (parseAssetLocation(text).kind === "path") return text;
  return printableUrl(text).replace(/[?#].*$/s, "");
}
