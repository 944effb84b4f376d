/** Entity tags in conditional requests (RFC 9110 sections 8.8.3 and 13.1). */

const tags = /(?:W\/)?"[^"]*"/g;

/**
 * Whether a list such as `"a", W/"b"` or `*` names `etag`.
 *
 * @param etag    the content's own, strong, with its quotes
 * @param compare `weak` for If-None-Match, `strong` for If-Match and If-Range
 */
export function namesEntityTag(header: string, etag: string, compare: "weak" | "strong"): boolean {
  if (header.trim() === "*") return true;
  const found = header.match(tags) ?? [];
  return found.some((tag) => tag === etag || (compare === "weak" && tag === `W/${etag}`));
}
