/**
 * One thing that `doctor` looks at, and what it can come to.
 *
 * A finding always says what to do. What cannot be looked at from this machine is skipped with the reason
 * and never counted as fine.
 */
import type { Subject } from "./subject.ts";

export interface DoctorFinding {
  readonly problem: string;
  /** A command where there is one, else what to do. */
  readonly fix: string;
  /** Worth a look, but nothing fails because of it. */
  readonly harmless?: true;
}

export type Outcome =
  | { readonly state: "fine"; readonly message: string }
  /** `message` says why it was not looked at. */
  | { readonly state: "skipped"; readonly message: string }
  | { readonly state: "found"; readonly findings: readonly DoctorFinding[] };

export interface Check {
  readonly name: string;
  run(subject: Subject): Promise<Outcome>;
}

export function fine(message: string): Outcome {
  return { state: "fine", message };
}

export function skipped(message: string): Outcome {
  return { state: "skipped", message };
}

/** @param message for when nothing is found */
export function foundOr(findings: readonly DoctorFinding[], message: string): Outcome {
  return findings.length > 0 ? { state: "found", findings } : fine(message);
}

export function found(problem: string, fix: string): Outcome {
  return { state: "found", findings: [{ problem, fix }] };
}
