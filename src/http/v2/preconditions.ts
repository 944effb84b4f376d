/** `If-Match` and `If-None-Match` of a write (RFC 9110 section 13.1), against digests as entity tags. */
import type { IncomingHttpHeaders } from "node:http";
import type { Digest } from "../../oci/digest.ts";
import type { Condition } from "../../registry/conditional-tag.ts";
import { namesEntityTag } from "../entity-tag.ts";
import { ConditionFailed } from "../request-error.ts";

/** @returns undefined when the request has no condition; the result throws {ConditionFailed} */
export function conditionOf(headers: IncomingHttpHeaders): Condition | undefined {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  if (match === undefined && noneMatch === undefined) return undefined;
  return (current: Digest | undefined) => {
    const etag = current && `"${current}"`;
    if (match !== undefined && !(etag && namesEntityTag(match, etag, "strong"))) {
      throw new ConditionFailed("If-Match", etag);
    }
    if (noneMatch !== undefined && etag && namesEntityTag(noneMatch, etag, "weak")) {
      throw new ConditionFailed("If-None-Match", etag);
    }
  };
}
