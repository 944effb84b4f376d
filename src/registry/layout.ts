/**
 * Where everything lies in the object store. The only place that makes keys.
 *
 * ```
 * rec/<alg>/<2 hex>/<hex>                 document  blob record: live | condemned | gone
 * data/<alg>/<2 hex>/<hex>.<random>       data      bytes pushed with a known digest
 * data/up/<2>/<session>.<random>          data      bytes of one request of an upload session
 * session/<2>/<session>                   document  upload session: open | committing | closed
 * link/<repository>/<alg>-<hex>           document  manifest link: pending | committed | deleted
 * tag/<repository>/<tag>                  document  tag: a digest, or deleted
 * tag/<repository>/<tag>!<random>         document  hint that the tag in front of it may be deleted
 * referrer/<repository>/<subject>/<alg>-<hex>  document  descriptor of a manifest with that subject
 * repo/<repository>                       document  the repository has, or had, manifests
 * hidden/<repository>                     document  blobs deleted through this repository
 * package/<2 hex>/<hex>                   document  package record, named by the hash of its content
 * catalog                                 document  packages in this registry
 * catalog-copy                            document  the same as of its last acknowledged change
 * quarantine/<time>.<hex>                 data      what was left of damaged content, for the operator
 * scrub                                   document  how far the scrub is, and what it has found
 * usage                                   document  how many bytes are stored
 * key/signing                             document  keys for tokens and upload sessions
 * migration/out, migration/in             document  this storage is being moved, or was: whither, whence
 * format                                  document  what this store holds, and whose it is
 * instance/<random>                       document  sign of life, where the store cannot arbitrate
 * ```
 *
 * In keys the `/` of a repository name is written `!`, so that one repository is one segment and a
 * listing has the order in which Docker distribution lists repositories.
 */
import { randomBytes } from "node:crypto";
import { algorithmOf, type Digest, hexOf, isDigest, parseDigest } from "../oci/digest.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/reference.ts";

export const layout = {
  records: "rec/",
  record: (digest: Digest): string => `rec/${fanned(digest)}`,
  data: "data/",
  uploaded: "data/up/",
  newData: (digest: Digest): string => `data/${fanned(digest)}.${random()}`,
  newSegment: (session: string): string => `data/up/${session.slice(0, 2)}/${session}.${random()}`,
  sessions: "session/",
  session: (session: string): string => `session/${session.slice(0, 2)}/${session}`,
  links: "link/",
  link: (repository: RepositoryName, digest: Digest): string =>
    `link/${segment(repository)}/${flat(digest)}`,
  allTags: "tag/",
  tags: (repository: RepositoryName): string => `tag/${segment(repository)}/`,
  tag: (repository: RepositoryName, tag: string): string => `tag/${segment(repository)}/${tag}`,
  newTagHint: (repository: RepositoryName, tag: string): string =>
    `tag/${segment(repository)}/${tag}!${random()}`,
  allReferrers: "referrer/",
  referrers: (repository: RepositoryName, subject: Digest): string =>
    `referrer/${segment(repository)}/${flat(subject)}/`,
  referrer: (repository: RepositoryName, subject: Digest, digest: Digest): string =>
    `referrer/${segment(repository)}/${flat(subject)}/${flat(digest)}`,
  tagsAfter: (repository: RepositoryName, last: string): string =>
    `tag/${segment(repository)}/${printable(last)}`,
  repositories: "repo/",
  repositoriesAfter: (last: string): string => `repo/${printable(last).replaceAll("/", "!")}`,
  repository: (repository: RepositoryName): string => `repo/${segment(repository)}`,
  allHidden: "hidden/",
  hidden: (repository: RepositoryName): string => `hidden/${segment(repository)}`,
  packages: "package/",
  package: (digest: Digest): string => `package/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}`,
  catalog: "catalog",
  catalogCopy: "catalog-copy",
  signingKeys: "key/signing",
  scrub: "scrub",
  usage: "usage",
  quarantine: "quarantine/",
  /** @param time milliseconds since 1970: a listing has them in order */
  newQuarantined: (digest: Digest, time: number): string =>
    `quarantine/${String(time).padStart(15, "0")}.${hexOf(digest)}`,
  movingOut: "migration/out",
  movingIn: "migration/in",
  format: "format",
  instances: "instance/",
} as const;

/**
 * Whether processes may answer from memory what they know of this document, and so have to be told
 * when it changes. Absence is kept of hidden markers only, and of names in lists.
 */
export function isCached(key: string, exists: boolean): boolean {
  if (key.startsWith("hidden/")) return true;
  return exists ? cachedWhenPresent.test(key) : isListed(key.slice(0, key.lastIndexOf("/") + 1));
}

const cachedWhenPresent = /^(?:rec|link|tag)\/|^catalog$/;

/**
 * Whether processes keep the names directly below this prefix in memory, and so have to be told when
 * one appears or goes.
 */
export function isListed(prefix: string): boolean {
  return listed.test(prefix);
}

const listed = /^(?:tag\/[^/]+|repo|referrer\/[^/]+\/[^/]+)\/$/;

/** The repository that a key directly below `repo/` stands for. */
export function repositoryOfKey(key: string): RepositoryName {
  return repositoryOf(key.slice(layout.repositories.length));
}

/** The blob that a key below `rec/` stands for. */
export function digestOfRecordKey(key: string): Digest {
  const [, algorithm = "", , hex = ""] = key.split("/");
  return parseDigest(`${algorithm}:${hex}`);
}

/** What a key below `data/` says about its content: its digest, or the session that wrote it. */
export type DataOrigin = { readonly random: string } & (
  | { readonly digest: Digest }
  | { readonly session: string }
);

const dataKey = /^data\/(sha256|sha512|up)\/[0-9a-f]{2}\/([0-9a-f]+)\.([0-9a-f]{18})$/;

/** @returns undefined for a key that was not made here */
export function originOfData(key: string): DataOrigin | undefined {
  const [, kind = "", name = "", random = ""] = dataKey.exec(key) ?? [];
  if (kind === "up") return { random, session: name };
  const digest = `${kind}:${name}`;
  return isDigest(digest) ? { random, digest } : undefined;
}

/** The last segment of a `session/` key. */
export function sessionOfKey(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** What a key below `link/` links, and where. */
export function linkOfKey(key: string): { repository: RepositoryName; digest: Digest } {
  const [, repository = ""] = key.split("/");
  return { repository: repositoryOf(repository), digest: digestOfKey(key) };
}

/** A tag, and the random part of the key where that is a hint about it. */
export interface PlacedTag {
  readonly repository: RepositoryName;
  readonly tag: string;
  readonly hint?: string;
}

/** What a key below `tag/` is about. */
export function tagOfKey(key: string): PlacedTag {
  const [, repository = "", name = ""] = key.split("/");
  const [tag = "", hint] = name.split("!");
  return { repository: repositoryOf(repository), tag, ...(hint !== undefined && { hint }) };
}

/** The link of the manifest that an entry below `referrer/` is about. */
export function linkOfReferrer(key: string): { repository: RepositoryName; digest: Digest } {
  const [, repository = ""] = key.split("/");
  return { repository: repositoryOf(repository), digest: digestOfKey(key) };
}

/** The last segment of a `referrer/` or `link/` key. */
export function digestOfKey(key: string): Digest {
  return parseDigest(key.slice(key.lastIndexOf("/") + 1).replace("-", ":"));
}

function fanned(digest: Digest): string {
  const hex = hexOf(digest);
  return `${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}`;
}

function flat(digest: Digest): string {
  return digest.replace(":", "-");
}

function repositoryOf(text: string): RepositoryName {
  return parseRepositoryName(text.replaceAll("!", "/"));
}

function segment(repository: RepositoryName): string {
  return repository.replaceAll("/", "!");
}

/** Positions in a listing are any text; where a store could not take it, it sorts in front or behind. */
function printable(position: string): string {
  return position.replace(/[^\x20-\x7e].*$/su, (rest) => (rest < " " ? " " : "~"));
}

function random(): string {
  return randomBytes(9).toString("hex");
}
