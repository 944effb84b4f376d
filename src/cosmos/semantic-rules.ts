/** Rules M1 to M6: whether what decodes also means what a cluster needs. */
import type { ClientProfile } from "./client-profile.ts";
import type { Json } from "./decoding-rules.ts";
import { fileReferences } from "./references.ts";
import type { Violations } from "./violation.ts";

export interface SemanticOptions {
  /** Host of every URL, as configured, with its port unless 443. */
  readonly publicHost: string;
  /** Strings that packages keep as they are. */
  readonly keptUrls: ReadonlySet<string>;
  /** The version of each of these packages that must be the default. */
  readonly newest: Readonly<Record<string, string>>;
}

export function checkSemantics(
  packages: readonly Json[],
  profile: ClientProfile,
  options: SemanticOptions,
  violations: Violations,
): void {
  checkUnique(packages, "version", "M1", violations);
  checkUnique(packages, "releaseVersion", "M2", violations);
  checkNewest(packages, options.newest, violations);
  for (const one of packages) {
    const { name, version, minDcosReleaseVersion: minimum = "0" } = one;
    const fits = compareVersions(String(minimum ?? "0"), profile.dcosVersion) <= 0;
    violations.expect(fits, "M4", `${name} ${version} needs DC/OS ${minimum}`);
  }
  checkUrls(packages, options, violations);
}

function checkUnique(
  packages: readonly Json[],
  field: string,
  rule: string,
  violations: Violations,
): void {
  const seen = new Set<string>();
  for (const one of packages) {
    const pair = `${one["name"]} ${one[field]}`;
    violations.expect(!seen.has(pair), rule, `${field} appears twice: ${pair}`);
    seen.add(pair);
  }
}

function checkNewest(
  packages: readonly Json[],
  newest: SemanticOptions["newest"],
  violations: Violations,
): void {
  for (const [name, version] of Object.entries(newest)) {
    const [first] = packages
      .filter((one) => one["name"] === name)
      .sort((left, right) => Number(right["releaseVersion"]) - Number(left["releaseVersion"]));
    const right = first === undefined || first["version"] === version;
    violations.expect(right, "M3", `${name} defaults to ${first?.["version"]}, not ${version}`);
  }
}

/** Number by number; a suffix does not count. */
function compareVersions(left: string, right: string): number {
  const numbers = (text: string) => (text.split("-")[0] ?? "").split(".").map(Number);
  const [a, b] = [numbers(left), numbers(right)];
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function checkUrls(
  packages: readonly Json[],
  { publicHost, keptUrls }: SemanticOptions,
  violations: Violations,
): void {
  for (const { packageName, packageVersion, pointer, url, kind, cli } of fileReferences(packages)) {
    const place = violations.at(` ${packageName} ${packageVersion} ${pointer} `);
    // The Mesos fetcher names a file by the raw segment, so its escapes have to stay.
    const odd = kind === "uri" ? /[?#&\s]/ : /[?#&%\s]/;
    const right =
      url.startsWith("https://") &&
      !odd.test(url) &&
      URL.canParse(url) &&
      new URL(url).href === url &&
      new URL(url).host === publicHost;
    place.expect(right || keptUrls.has(url), "M5", url);
    if (cli) {
      const sha256 = cli.hashes.filter(({ algo }) => algo === "sha256");
      const [hash] = sha256;
      const exact = sha256.length === 1 && /^[0-9a-f]{64}$/.test(String(hash?.["value"]));
      place.expect(exact, "M6", JSON.stringify(cli.hashes));
    }
  }
}
