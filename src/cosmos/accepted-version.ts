/** Which answer to a repository fetch Cosmos takes, by its `Content-Type` alone. */
import { type RepoVersion, repositoryType } from "./client-profile.ts";
import { parseMediaType } from "./media-type.ts";

/** Cosmos' own rule: every parameter of the answer must be one that it asked for. */
export function acceptedVersion(
  header: string | undefined,
  reads: readonly RepoVersion[],
): RepoVersion | undefined {
  const stated = parseMediaType(header ?? "");
  if (stated?.type !== repositoryType) return undefined;
  return reads.find((version) => {
    const wanted = new Map([
      ["charset", "utf-8"],
      ["version", version as string],
    ]);
    return [...stated.parameters].every(([name, value]) => wanted.get(name) === value);
  });
}
