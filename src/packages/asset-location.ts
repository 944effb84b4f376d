/** What kind of place the string of an asset, icon, screenshot or CLI binary names. */

export type AssetLocation =
  /** Nothing: the template or the user is to fill it in. */
  | { readonly kind: "empty" }
  | { readonly kind: "file"; readonly url: URL }
  /** A server or a directory, which something appends to: it cannot be fetched. */
  | { readonly kind: "prefix"; readonly url: URL }
  /** Relative to the directory of the document, or absolute. */
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "unsupported"; readonly scheme: string }
  /** http or https, but no URL. */
  | { readonly kind: "malformed" };

export function parseAssetLocation(text: string): AssetLocation {
  if (text === "") return { kind: "empty" };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: "path", path: text };
  if (scheme !== "https" && scheme !== "http") return { kind: "unsupported", scheme };
  if (!/^https?:\/\/[^/]/i.test(text) || /[\s\\]/.test(text) || !URL.canParse(text)) {
    return { kind: "malformed" };
  }
  const url = new URL(text);
  return { kind: url.pathname.endsWith("/") ? "prefix" : "file", url };
}
