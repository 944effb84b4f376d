/** Shows how far a migration is, on stderr: one line that is redrawn, lines, or NDJSON. */
import type { MigrationProgress } from "../registry/migration/storage-migration.ts";

export const progressModes = ["auto", "bar", "plain", "json", "none"] as const;

export type ProgressMode = (typeof progressModes)[number];

export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const everyMs = { bar: 200, plain: 10_000, json: 1_000 } as const;

const phases = { copy: "Copying", final: "Writes are refused, copying the rest", done: "Done" };

/** @returns to be told of every step; prints at most as often as the mode allows */
export function showMigration(
  output: ProgressOutput,
  wanted: ProgressMode,
  clock: () => number = () => performance.now(),
): (progress: MigrationProgress) => void {
  const mode = wanted === "auto" ? (output.isTTY ? "bar" : "plain") : wanted;
  if (mode === "none") return () => undefined;
  let last = Number.NEGATIVE_INFINITY;
  let phase = "";
  return (progress) => {
    const now = clock();
    if (progress.phase === phase && now - last < everyMs[mode]) return;
    last = now;
    phase = progress.phase;
    output.write(mode === "json" ? asJson(progress) : asText(progress, mode));
  };
}

function asJson(progress: MigrationProgress): string {
  return `${JSON.stringify({ type: "migrate-storage", ...progress })}\n`;
}

function asText(progress: MigrationProgress, mode: "bar" | "plain"): string {
  const { phase, blobs, bytes, documents } = progress;
  const text = `${phases[phase]}: ${blobs} blobs, ${Math.round(bytes / 1e6)} MB, ${documents} documents`;
  if (mode === "plain") return `${text}\n`;
  return `\r${text}\u001b[K${phase === "done" ? "\n" : ""}`;
}
