/** Lists: tags, repositories, referrers, page by page (distribution-spec 1.1, end-8 and end-12). */
import { isDigest, parseDigest } from "../../oci/digest.ts";
import { mediaType } from "../../oci/media-type.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { NameUnknown } from "../../registry/registry-errors.ts";
import { answerJson, type Exchange } from "./exchange.ts";

/** Entries of a page when the client names no number, and the most it can ask for. */
const defaultPage = 1000;
const largestPage = 1000;

class PageSizeInvalid extends RegistryError {
  readonly code = "PAGINATION_NUMBER_INVALID";
}

export async function listTags(exchange: Exchange): Promise<void> {
  const { registry, repository, query } = exchange;
  if (!(await registry.repositories.has(repository))) throw new NameUnknown(repository);
  const limit = pageSize(query);
  const { tags, more } = await registry.tags.list(repository, query.get("last") ?? "", limit);
  const next = more ? nextLink(`/v2/${repository}/tags/list`, query, tags.at(-1), limit) : {};
  answerJson(exchange, { name: repository, tags }, next);
}

export async function listRepositories(
  exchange: Pick<Exchange, "registry" | "request" | "response" | "query">,
): Promise<void> {
  const { registry, query } = exchange;
  const limit = pageSize(query);
  const { names, more } = await registry.repositories.list(query.get("last") ?? "", limit);
  const next = more ? nextLink("/v2/_catalog", query, names.at(-1), limit) : {};
  answerJson(exchange, { repositories: names }, next);
}

/** Never 404: a manifest without referrers, or unknown here, has an empty list. */
export async function listReferrers(exchange: Exchange, digestText: string): Promise<void> {
  const { registry, repository, query } = exchange;
  const subject = parseDigest(digestText);
  const limit = pageSize(query);
  const last = query.get("last") ?? "";
  const from = isDigest(last) ? last : undefined;
  const page = await registry.referrers.list(repository, subject, from, limit);
  const filter = query.get("artifactType");
  const manifests = filter
    ? page.descriptors.filter(({ artifactType }) => artifactType === filter)
    : page.descriptors;
  const path = `/v2/${repository}/referrers/${subject}`;
  answerJson(
    exchange,
    { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests },
    {
      "Content-Type": mediaType.ociIndex,
      ...(filter && { "OCI-Filters-Applied": "artifactType" }),
      ...(page.more && nextLink(path, query, page.last, limit)),
    },
  );
}

function pageSize(query: URLSearchParams): number {
  const text = query.get("n");
  if (text === null) return defaultPage;
  if (!/^\d+$/.test(text))
    throw new PageSizeInvalid("n is a number of entries", { n: text.slice(0, 100) });
  return Math.min(Number(text), largestPage);
}

function nextLink(
  path: string,
  query: URLSearchParams,
  last: string | undefined,
  limit: number,
): { Link?: string } {
  if (last === undefined) return {};
  const next = new URLSearchParams(query);
  next.set("n", String(limit));
  next.set("last", last);
  return { Link: `<${path}?${next}>; rel="next"` };
}
