/**
 * Names a process so that another one can tell, for sure, whether it is gone.
 *
 * A pid alone is reused; together with its start time and the boot it belongs to it is not. Locks
 * carry this identity and are broken only when their owner is proven dead, never by age.
 */
import { readFileSync, readlinkSync } from "node:fs";

/** `<boot>_<pid>_<start time>_<process namespace>`; other fields may follow behind a `_`. */
export type ProcessIdentity = string;

// Short enough that a lock, a symbolic link to an identity, needs no block of the disk.
const boot =
  readLine("/proc/sys/kernel/random/boot_id")?.replaceAll("-", "").slice(0, 12) ?? "noboot";
const namespace = /\d+/.exec(readTarget("/proc/self/ns/pid") ?? "")?.[0] ?? "0";
const fields = [boot, process.pid, startTime(process.pid) ?? 0, namespace];

export const ownIdentity: ProcessIdentity = fields.join("_");

/** The identity at the beginning of a longer name. */
export function identityIn(name: string): ProcessIdentity {
  return name.split("_").slice(0, fields.length).join("_");
}

/** Whether the process is there, as far as this one can see: not into other process namespaces. */
export function isAlive(identity: ProcessIdentity): boolean {
  const [theirBoot, pid, started, theirNamespace] = identity.split("_");
  if (theirBoot !== boot || theirNamespace !== namespace || !pid) return false;
  const now = startTime(Number(pid));
  if (now !== undefined) return String(now) === started;
  return boot === "noboot" && answersSignal(Number(pid));
}

/** Field 22 of /proc/<pid>/stat, in clock ticks since boot; undefined when there is no such process. */
function startTime(pid: number): string | undefined {
  const stat = readLine(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may hold anything, so count from its end.
  const [state, ...rest] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  // The first thread of a killed process may be gone while others (field 20) still finish a write.
  const ended = state === "X" || (state === "Z" && Number(rest[16]) <= 1);
  return state === undefined || ended ? undefined : rest[18];
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

function readTarget(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}

function readLine(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}
