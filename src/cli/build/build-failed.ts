/** Why nothing was built: every finding of the run, and the one line that sums them up. */
import type { Finding } from "../../packages/finding.ts";

export type FailureCode = "FETCH_FAILED" | "PACKAGE_INVALID";

export class BuildFailed extends Error {
  /** `FETCH_FAILED` as soon as one of the failures came from the network. */
  readonly code: FailureCode;
  readonly findings: readonly Finding[];

  constructor(message: string, code: FailureCode, findings: readonly Finding[]) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.findings = findings;
  }
}
