/**
 * The media type of an asset, from its file name alone.
 *
 * Nothing that a browser would run is in the table, whatever the file is called: the registry must
 * not become a host of pages. Unknown names are plain bytes, which every consumer here expects.
 */

const types: ReadonlyMap<string, string> = new Map([
  ["gif", "image/gif"],
  ["gz", "application/gzip"],
  ["ico", "image/x-icon"],
  ["jar", "application/java-archive"],
  ["jpeg", "image/jpeg"],
  ["jpg", "image/jpeg"],
  ["json", "application/json"],
  ["png", "image/png"],
  ["svg", "image/svg+xml"],
  ["tar", "application/x-tar"],
  ["tgz", "application/gzip"],
  ["txt", "text/plain"],
  ["webp", "image/webp"],
  ["yaml", "application/yaml"],
  ["yml", "application/yaml"],
  ["zip", "application/zip"],
]);

export function assetContentType(path: string): string {
  const [, extension = ""] = /\.([A-Za-z0-9]+)$/.exec(path) ?? [];
  return types.get(extension.toLowerCase()) ?? "application/octet-stream";
}
