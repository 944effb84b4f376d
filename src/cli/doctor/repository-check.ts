/**
 * Whether Cosmos of each generation takes `/repo`, by the rules that Cosmos itself has.
 *
 * One package that it cannot decode takes down the whole catalogue of a cluster, so each is looked at.
 */
import { acceptedVersion } from "../../cosmos/accepted-version.ts";
import { type ClientProfile, profiles, repositoryMediaType } from "../../cosmos/client-profile.ts";
import { checkDecoding } from "../../cosmos/decoding-rules.ts";
import { checkSemantics } from "../../cosmos/semantic-rules.ts";
import { type Violation, Violations } from "../../cosmos/violation.ts";
import { type Check, type DoctorFinding, foundOr, skipped } from "./check.ts";
import type { Subject } from "./subject.ts";

const shownViolations = 10;

export const repositoryCheck: Check = {
  name: "repository",
  async run(subject) {
    if ((await subject.answered()) === undefined) return skipped("the registry does not answer");
    const violations = new Violations();
    for (const profile of profiles) {
      const place = violations.at(`Cosmos ${profile.cosmosVersion}`);
      await checkProfile(subject, profile, place);
    }
    const found = distinct(violations.found);
    const shown = found.slice(0, shownViolations).map(findingOf);
    const more = found.length - shown.length;
    const rest = more > 0 ? [{ problem: `and ${more} more`, fix: "begin with those above" }] : [];
    return foundOr([...shown, ...rest], "three generations of Cosmos take /repo");
  },
};

async function checkProfile(
  subject: Subject,
  profile: ClientProfile,
  violations: Violations,
): Promise<void> {
  const answer = await subject.ask("repo", {
    accept: profile.reads.map(repositoryMediaType).join(),
    "user-agent": `cosmos/${profile.cosmosVersion} dcos/${profile.dcosVersion}`,
  });
  violations.expect(answer.status === 200, "T3", `status ${answer.status}`);
  if (answer.status !== 200) return;
  const accepted = acceptedVersion(answer.contentType, profile.reads) !== undefined;
  violations.expect(accepted, "T5", `Content-Type ${answer.contentType || "missing"}`);
  const json = parseJson(answer.body, violations);
  if (json === undefined) return;
  const { packagingVersions } = profile;
  const packages = checkDecoding(json, { own: true, packagingVersions }, violations);
  const publicHost = subject.authority;
  checkSemantics(packages, profile, { publicHost, keptUrls: new Set(), newest: {} }, violations);
}

function parseJson(text: string, violations: Violations): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    violations.add("T7", "no JSON document");
    return undefined;
  }
}

/** What several generations object to is told once, of the newest one. */
function distinct(violations: readonly Violation[]): Violation[] {
  const newestFirst = violations.map((one) => {
    const place = one.where.replace(/^Cosmos \S+/, "");
    return [`${one.rule} ${place} ${one.what}`, one] as const;
  });
  return [...new Map(newestFirst.reverse()).values()].reverse();
}

function findingOf({ rule, where, what }: Violation): DoctorFinding {
  const problem = `${where.trim()}: ${what} (rule ${rule})`;
  if (rule.startsWith("T")) {
    return { problem, fix: "Cosmos has to reach the registry itself: see what stands in between" };
  }
  // Packages may keep URLs on purpose (`build --keep-url`); those lead elsewhere without harm.
  if (rule === "M5") return { problem, fix: foreignUrl, harmless: true };
  return { problem, fix: `${removal(where)}; then build and add it anew` };
}

const foreignUrl =
  "if it was not kept on purpose (build --keep-url), start the registry with --service-name or --public-url";

/** Names come from the registry: only what a shell takes as a word stands in a command. */
function removal(where: string): string {
  const [, name, version] = /^Cosmos \S+ ([a-z0-9-]+) ([\w.-]+)(?: |$)/.exec(where) ?? [];
  if (name === undefined) return "dcos-registry remove that package";
  return `dcos-registry remove --package-name=${name} --package-version=${version}`;
}
