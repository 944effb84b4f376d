/**
 * Which operation of the distribution API a request means.
 *
 * One match of one expression, shared by the plain listener and by express. Repository names may hold
 * every word that routes are made of, so the expression takes the longest name.
 */
export type V2Route =
  | { readonly kind: "version" }
  | { readonly kind: "token" }
  | { readonly kind: "catalog" }
  | RepositoryRoute;

export type RepositoryRoute =
  | { readonly kind: "uploads"; readonly name: string }
  | { readonly kind: "upload"; readonly name: string; readonly id: string }
  | { readonly kind: "blob"; readonly name: string; readonly digest: string }
  | { readonly kind: "manifest"; readonly name: string; readonly reference: string }
  | { readonly kind: "tags"; readonly name: string }
  | { readonly kind: "referrers"; readonly name: string; readonly digest: string };

const repositoryRoute =
  /^\/v2\/(.+)\/(?:(blobs\/uploads)\/?([^/]*)|(blobs|manifests|referrers)\/([^/]+)|(tags)\/list)$/;

/**
 * @param path as it stands in the request line, percent-encoded, without the query
 * @returns undefined for what is no route, or is not well encoded
 */
export function matchV2(path: string): V2Route | undefined {
  if (path === "/v2/" || path === "/v2") return { kind: "version" };
  if (path === "/v2/token") return { kind: "token" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  const match = repositoryRoute.exec(decoded(path));
  if (!match) return undefined;
  const [, name = "", uploads, id = "", kind, rest = ""] = match;
  if (uploads) return id ? { kind: "upload", name, id } : { kind: "uploads", name };
  if (kind === "blobs") return { kind: "blob", name, digest: rest };
  if (kind === "manifests") return { kind: "manifest", name, reference: rest };
  if (kind === "referrers") return { kind: "referrers", name, digest: rest };
  return { kind: "tags", name };
}

function decoded(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}
