/**
 * Repository names, tags and image references (distribution-spec 1.1 and Docker's normalisation).
 *
 * `redis` means `docker.io/library/redis:latest`; everything inside works on the normalised form.
 */
import { type Digest, isDigest } from "./digest.ts";
import { NameInvalid, RegistryError, TagInvalid } from "./registry-error.ts";

declare const nameBrand: unique symbol;

/** Checked against the distribution-spec grammar and capped at 255 characters. */
export type RepositoryName = string & { readonly [nameBrand]: true };

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const nameGrammar = new RegExp(`^${component}(?:/${component})*$`);
const tagGrammar = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const hostGrammar =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;

export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= 255 && nameGrammar.test(text);
}

/** @throws {NameInvalid} */
export function parseRepositoryName(text: string): RepositoryName {
  if (!isRepositoryName(text)) throw new NameInvalid(text);
  return text;
}

export function isTag(text: string): boolean {
  return tagGrammar.test(text);
}

/** @throws {TagInvalid} */
export function parseTag(text: string): string {
  if (!isTag(text)) throw new TagInvalid(text);
  return text;
}

export class ReferenceInvalid extends RegistryError {
  readonly code = "NAME_INVALID";
  constructor(text: string, why: string) {
    super(`image "${text}" is not a valid reference: ${why}`, { reference: text });
  }
}

/** A normalised image reference; `host` is `docker.io` for Docker Hub, `tag` or `digest` is set. */
export interface ImageReference {
  readonly host: string;
  readonly repository: RepositoryName;
  readonly tag?: string;
  readonly digest?: Digest;
}

/**
 * Parses what users and catalogue packages write: `redis`, `acme/db:1`, `quay.io/x/y@sha256:…`.
 * Without tag and digest the tag is `latest`.
 *
 * @throws {ReferenceInvalid}
 */
export function parseImageReference(text: string): ImageReference {
  const { rest: named, digest } = splitDigest(text);
  const { rest: path, tag } = splitTag(named);
  if (tag !== undefined && !isTag(tag)) throw new ReferenceInvalid(text, "the tag is malformed");
  const { host, repository } = splitHost(path);
  if (!hostGrammar.test(host)) throw new ReferenceInvalid(text, "the registry host is malformed");
  if (repository !== repository.toLowerCase()) {
    throw new ReferenceInvalid(text, "repository names are lower case");
  }
  if (!isRepositoryName(repository)) throw new ReferenceInvalid(text, "the name is malformed");
  if (digest !== undefined && !isDigest(digest)) {
    throw new ReferenceInvalid(text, "the digest is malformed");
  }
  if (digest !== undefined) return { host, repository, ...(tag !== undefined && { tag }), digest };
  return { host, repository, tag: tag ?? "latest" };
}

/** The full form, `docker.io/library/redis:7.2`, that names an image the same way in every tool. */
export function formatImageReference({ host, repository, tag, digest }: ImageReference): string {
  return `${host}/${repository}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
}

function splitDigest(text: string): { rest: string; digest?: string } {
  const at = text.indexOf("@");
  return at < 0 ? { rest: text } : { rest: text.slice(0, at), digest: text.slice(at + 1) };
}

function splitTag(named: string): { rest: string; tag?: string } {
  const colon = named.lastIndexOf(":");
  if (colon < 0 || colon < named.lastIndexOf("/")) return { rest: named };
  return { rest: named.slice(0, colon), tag: named.slice(colon + 1) };
}

/** The first component is a host when it has a dot or a port, is `localhost`, or has upper case. */
function splitHost(path: string): { host: string; repository: string } {
  const slash = path.indexOf("/");
  const first = path.slice(0, slash);
  if (slash < 0 || !/[.:A-Z]|^localhost$/.test(first)) return dockerHub(path);
  const rest = path.slice(slash + 1);
  return first === "docker.io" || first === "index.docker.io"
    ? dockerHub(rest)
    : { host: first.toLowerCase(), repository: rest };
}

function dockerHub(path: string): { host: string; repository: string } {
  return { host: "docker.io", repository: path.includes("/") ? path : `library/${path}` };
}
