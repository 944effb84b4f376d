/** A rule of Cosmos, or of ours, that a repository breaks, and where. */
export interface Violation {
  /** `T1` … `T8`, `D1` … `D12`, `S1`, `S2`, `M1` … `M7`, `P1` … `P4`. */
  readonly rule: string;
  /** `profile A`, `hello 1.0 /resource/cli …`, a URL. */
  readonly where: string;
  readonly what: string;
}

export function formatViolation({ rule, where, what }: Violation): string {
  return `${rule} ${where}: ${what}`;
}

/** Collects violations; each one states its place relative to the place it stands in. */
export class Violations {
  readonly found: Violation[];
  readonly #where: string;

  constructor(where = "", found: Violation[] = []) {
    this.#where = where;
    this.found = found;
  }

  at(place: string): Violations {
    return new Violations(`${this.#where}${place}`, this.found);
  }

  add(rule: string, what: string): void {
    this.found.push({ rule, where: this.#where, what });
  }

  /** Adds unless `holds`. */
  expect(holds: boolean, rule: string, what: string): void {
    if (!holds) this.add(rule, what);
  }
}
