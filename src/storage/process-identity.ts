/**
 * Names a process so that another one can tell, for sure, whether it is gone.
 *
 * A pid alone is reused; together with its start time and the boot it belongs to it is not. Locks
 * carry this identity and are broken only when their owner is proven dead, never by age.
 */
import { readFileSync } from "node:fs";

export type ProcessIdentity = string;

const boot = readLine("/proc/sys/kernel/random/boot_id") ?? "noboot";

export const ownIdentity: ProcessIdentity = `${boot}_${process.pid}_${startTime(process.pid) ?? 0}`;

export function isAlive(identity: ProcessIdentity): boolean {
  const [theirBoot, pid, started] = identity.split("_");
  if (theirBoot !== boot || !pid) return false;
  const now = startTime(Number(pid));
  if (now !== undefined) return String(now) === started;
  return boot === "noboot" && answersSignal(Number(pid));
}

/** Field 22 of /proc/<pid>/stat, in clock ticks since boot; undefined when there is no such process. */
function startTime(pid: number): string | undefined {
  const stat = readLine(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may hold anything, so count from its end.
  const [state, ...rest] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === undefined || state === "Z" || state === "X" ? undefined : rest[18];
}

/** For systems without /proc, where a reused pid can only make us wait, never break a live lock. */
function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readLine(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}
