/**
 * The stand-in checker: would unmodified Cosmos of three generations take this repository?
 *
 * Runs against any server by URL. Each rule has a name (`T3`, `M5` …) that its violations carry; the
 * list is in the header of each rule file. The schema rules run only when the catalogue's schemas
 * are at hand.
 */
import { profiles as allProfiles, type ClientProfile } from "../../src/cosmos/client-profile.ts";
import { checkDecoding, type Json } from "../../src/cosmos/decoding-rules.ts";
import { type FileReference, fileReferences } from "../../src/cosmos/references.ts";
import { checkSemantics } from "../../src/cosmos/semantic-rules.ts";
import { type Violation, Violations } from "../../src/cosmos/violation.ts";
import { checkImages } from "./image-rules.ts";
import type { Network } from "./java-fetch.ts";
import { checkResources } from "./resource-rules.ts";
import type { CatalogSchemas } from "./schema-rules.ts";
import { checkPlainAnswer, fetchRepository } from "./transport-rules.ts";

export interface CheckOptions extends Network {
  /** Host, and port unless 443, that every URL must have; by default that of the repository's URL. */
  readonly publicHost?: string;
  readonly profiles?: readonly ClientProfile[];
  /** Without them S1 and S2 are not looked at. */
  readonly schemas?: CatalogSchemas;
  /** The same repository on another instance, which must be byte for byte the same. */
  readonly otherInstance?: string;
  /** Package name → the version added last. */
  readonly newest?: Readonly<Record<string, string>>;
  /** Strings of packages that stay as they are: exempt from the rules about URLs. */
  readonly keptUrls?: readonly string[];
  readonly originalName?: (file: FileReference) => string | undefined;
  /** Fetch every file of the packages (P1 to P4); true by default. */
  readonly resources?: boolean;
}

/** @param repository URL of the repository, such as `https://registry.example/repo` */
export async function checkRepository(
  repository: string,
  options: CheckOptions = {},
): Promise<Violation[]> {
  const url = new URL(repository);
  const violations = new Violations();
  const files = new Map<string, FileReference>();
  for (const profile of options.profiles ?? allProfiles) {
    const place = violations.at(`profile ${profile.name}`);
    const packages = await checkProfile(url, profile, options, place);
    for (const file of fileReferences(packages)) {
      files.set(`${file.url} ${file.packageName} ${file.packageVersion} ${file.pointer}`, file);
    }
  }
  if (options.resources === false) return violations.found;
  const kept = new Set(options.keptUrls);
  const fetched = [...files.values()].filter(({ url: one }) => !kept.has(one) && URL.canParse(one));
  const [{ cosmosVersion } = { cosmosVersion: "0.6.3" }] = allProfiles;
  const { originalName } = options;
  await checkResources(fetched, { network: options, cosmosVersion, originalName }, violations);
  return violations.found;
}

async function checkProfile(
  url: URL,
  profile: ClientProfile,
  options: CheckOptions,
  violations: Violations,
): Promise<Json[]> {
  const fetched = await fetchRepository(url, profile, options, violations);
  if (fetched === undefined) return [];
  const { packagingVersions } = profile;
  const packages = checkDecoding(fetched.json, { own: true, packagingVersions }, violations);
  options.schemas?.check(fetched.json, fetched.version, violations);
  checkSemantics(
    packages,
    profile,
    {
      publicHost: options.publicHost ?? url.host,
      keptUrls: new Set(options.keptUrls),
      newest: options.newest ?? {},
    },
    violations,
  );
  await checkImages(packages, url.protocol.slice(0, -1), options, violations);
  await checkRepeatable(url, profile, options, fetched.text, violations);
  return packages;
}

/** T8, and the half of T4 that needs a second request. */
async function checkRepeatable(
  url: URL,
  profile: ClientProfile,
  options: CheckOptions,
  first: string,
  violations: Violations,
): Promise<void> {
  await checkPlainAnswer(url, profile, options, first, violations);
  const { otherInstance } = options;
  const urls = [url, ...(otherInstance === undefined ? [] : [new URL(otherInstance)])];
  for (const one of urls) {
    const again = await fetchRepository(one, profile, options, new Violations());
    violations.expect(again?.text === first, "T8", `${one} answers otherwise the second time`);
  }
}
