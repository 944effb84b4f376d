/** The packages of several repositories, merged, chosen and searched as Cosmos does it. */

import type { Json } from "../../src/cosmos/decoding-rules.ts";
import { fileReferences } from "../../src/cosmos/references.ts";
import { failure } from "./cosmos-failure.ts";

export class PackageCollection {
  /** By name, then repository, then newest first. */
  readonly #packages: readonly Json[];

  /** @param repositories the packages of each, in the order of the repository list */
  constructor(repositories: readonly (readonly Json[])[]) {
    const merged = new Map<string, Json>();
    for (const packages of repositories) {
      // Of equal name and version the lowest repository wins, and in it the newest.
      for (const one of [...packages].sort(newestFirst)) {
        const key = JSON.stringify([one["name"], one["version"]]);
        if (!merged.has(key)) merged.set(key, one);
      }
    }
    const inOrder = [...merged.values()];
    this.#packages = inOrder.toSorted((left, right) => compareText(left["name"], right["name"]));
  }

  /** Without a version: the first of the name, from whichever repository comes first. */
  describe(name: string, version?: string): Json {
    const found = this.#named(name).find(
      (one) => version === undefined || one["version"] === version,
    );
    if (found) return found;
    throw version === undefined
      ? failure.packageNotFound(name)
      : failure.versionNotFound(name, version);
  }

  versions(name: string): Record<string, string> {
    return Object.fromEntries(
      this.#named(name).map((one) => [String(one["version"]), String(one["releaseVersion"])]),
    );
  }

  search(query: string | undefined): Json[] {
    const names = [...new Set(this.#packages.map((one) => String(one["name"])))];
    const hits = names.filter((name) => this.#named(name).some((one) => matches(one, query)));
    return hits.map((name) => {
      const {
        version,
        description,
        framework = false,
        tags,
        selected = false,
      } = this.describe(name);
      const versions = this.versions(name);
      return { name, currentVersion: version, versions, description, framework, tags, selected };
    });
  }

  hasUrl(url: string): boolean {
    return fileReferences(this.#packages).some((file) => file.url === url);
  }

  #named(name: string): Json[] {
    return this.#packages.filter((one) => one["name"] === name);
  }
}

function newestFirst(left: Json, right: Json): number {
  return Number(right["releaseVersion"]) - Number(left["releaseVersion"]);
}

function compareText(left: unknown, right: unknown): number {
  return String(left) < String(right) ? -1 : Number(String(left) > String(right));
}

function matches(one: Json, query: string | undefined): boolean {
  if (query === undefined) return true;
  const tags = Array.isArray(one["tags"]) ? one["tags"].map(String) : [];
  const texts = [String(one["name"]), String(one["description"]), ...tags];
  if (!query.includes("*")) {
    return texts.some((text) => text.toLowerCase().includes(query.toLowerCase()));
  }
  const literal = query.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const glob = new RegExp(`^${literal.join(".*")}$`);
  return texts.some((text) => glob.test(text));
}
