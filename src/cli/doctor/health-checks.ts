/** What the registry says of itself: whether it answers, its storage, its disk, its version, its clock. */
import type { HealthCheckResult } from "../registry-answer.ts";
import { type Check, type DoctorFinding, fine, found, foundOr, skipped } from "./check.ts";
import type { HealthAnswer } from "./subject.ts";

/** A token or a certificate that is this much off is refused now and then. */
const skewLimitMs = 30_000;

/** What to do when a check of `/health` fails, by its name. */
const fixes: Readonly<Record<string, string>> = {
  "/repo": "dcos-registry list shows what is there; add what was left out again",
  "storage/space":
    "dcos-registry remove what is not needed, then dcos-registry gc; or give the storage more room",
  "storage/writes":
    "restart the registry with the new --storage, or dcos-registry-server migrate-storage --cancel",
  "storage/content":
    "GET /scrub names what is damaged; dcos-registry add of the same bundles heals it",
  "garbage-collection": "the log of the registry says why; then dcos-registry gc",
};

const silent = skipped("the registry does not answer");

export const registryCheck: Check = {
  name: "registry",
  async run(subject) {
    const { checks } = await subject.health();
    const known = new Set(["storage/space", "storage/coordination"]);
    return judge(
      checks.filter(({ name }) => !known.has(name)),
      "it answers",
    );
  },
};

export const diskCheck: Check = healthCheckOf(
  "disk",
  "storage/space",
  "it says nothing of a disk: its storage is a bucket, or files that it only reads",
);

export const storageCheck: Check = healthCheckOf(
  "storage",
  "storage/coordination",
  "it does not say how its storage is shared",
);

export const versionCheck: Check = {
  name: "version",
  async run(subject) {
    const health = await subject.answered();
    if (health === undefined) return silent;
    const own = subject.place.version;
    if (health.version === undefined || own === undefined) {
      return skipped("the registry does not say its version");
    }
    if (line(health.version) === line(own)) return fine(`registry ${health.version}, this ${own}`);
    return found(
      `the registry is ${health.version}, this command line ${own}`,
      `dcos package install package-registry --cli --package-version=${health.version} --yes`,
    );
  },
};

export const clockCheck: Check = {
  name: "clock",
  async run(subject) {
    const health = await subject.answered();
    if (health === undefined) return silent;
    const skew = skewOf(health);
    if (skew === undefined) return skipped("the answer has no time in it");
    if (Math.abs(skew) <= skewLimitMs) return fine("this machine and the registry agree");
    const seconds = Math.round(Math.abs(skew) / 1000);
    return found(
      `the clock of this machine is ${seconds} s ${skew > 0 ? "ahead of" : "behind"} that of the registry`,
      "sudo timedatectl set-ntp true, on both machines",
    );
  },
};

/** How far this machine is ahead; 0 as long as the request's own duration explains it. */
function skewOf({ clock, between: [before, after] }: HealthAnswer): number | undefined {
  if (clock === undefined) return undefined;
  if (before > clock + 1000) return before - clock - 1000;
  return after < clock ? after - clock : 0;
}

function healthCheckOf(name: string, wanted: string, absent: string): Check {
  return {
    name,
    async run(subject) {
      const health = await subject.answered();
      if (health === undefined) return silent;
      const check = health.checks.find((one) => one.name === wanted);
      return check === undefined ? skipped(absent) : judge([check], check.message);
    },
  };
}

function judge(checks: readonly HealthCheckResult[], message: string) {
  const findings = checks.filter(({ healthy }) => !healthy).map(findingOf);
  return foundOr(findings, message);
}

function findingOf({ name, message }: HealthCheckResult): DoctorFinding {
  return { problem: `${name}: ${message}`, fix: fixes[name] ?? "the log of the registry says why" };
}

/** Patches of one line understand each other: `1.4.2` → `1.4`. */
function line(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
