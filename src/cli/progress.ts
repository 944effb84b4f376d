/**
 * Shows how far a transfer is, on stderr: a bar on a terminal, lines elsewhere, or NDJSON.
 *
 * Draws only when bytes move, so it owns no timer and nothing has to be stopped when a command
 * fails. The form of the bar is the original's, which people and scripts know.
 */
import { formatBytes } from "./byte-size.ts";
import type { Terminal } from "./terminal.ts";

export const progressModes = ["auto", "bar", "plain", "json", "none"] as const;

export type ProgressMode = (typeof progressModes)[number];

export interface Progress {
  /** @param bytes done so far; never goes back */
  advance(bytes: number): void;
  /** All is done: the last state is shown and stays. */
  finish(): void;
  /** It ended early: what follows is printed on a line of its own. */
  fail(): void;
}

export interface ProgressOptions {
  readonly mode: ProgressMode;
  /** Stands before the bar, `File Upload progress`. */
  readonly label: string;
  /** Bytes, known beforehand. */
  readonly total: number;
  /** What is transferred; goes into the JSON form. */
  readonly subject: { readonly type: string; readonly [key: string]: string };
  /** Milliseconds from anywhere; replaced in tests. */
  readonly now?: () => number;
}

const barWidth = 38;
const barEveryMs = 100;
const jsonEveryMs = 1_000;
const lineEveryMs = 10_000;

export function createProgress(terminal: Terminal, options: ProgressOptions): Progress {
  const { mode } = options;
  if (mode === "none") return { advance() {}, finish() {}, fail() {} };
  if (mode === "json") return new JsonProgress(terminal, options);
  if (mode === "plain" || (mode === "auto" && !terminal.interactive)) {
    return new LineProgress(terminal, options);
  }
  return new BarProgress(terminal, options);
}

/** `File Upload progress: [=====…] 206 MB/206 MB`; the bar shrinks on narrow terminals. */
export function formatBar(label: string, bytes: number, total: number, columns = 80): string {
  const sizes = `${formatBytes(bytes)}/${formatBytes(total)}`;
  const room = columns - label.length - sizes.length - 6;
  const width = Math.max(0, Math.min(barWidth, room));
  const done = total === 0 ? width : Math.floor((width * bytes) / total);
  const bar = done < width ? `${"=".repeat(done)}>`.padEnd(width) : "=".repeat(width);
  return `${label}: [${bar.slice(0, width)}] ${sizes}`;
}

/** Remembers when it last drew, so that a fast transfer does not drown the terminal. */
class Pace {
  readonly #everyMs: number;
  readonly #now: () => number;
  #last: number;

  constructor(everyMs: number, now: (() => number) | undefined, startAtOnce: boolean) {
    this.#everyMs = everyMs;
    this.#now = now ?? (() => performance.now());
    this.#last = startAtOnce ? Number.NEGATIVE_INFINITY : this.#now();
  }

  isDue(): boolean {
    const now = this.#now();
    if (now - this.#last < this.#everyMs) return false;
    this.#last = now;
    return true;
  }
}

class BarProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #options: ProgressOptions;
  readonly #pace: Pace;
  #drawn = false;

  constructor(terminal: Terminal, options: ProgressOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#pace = new Pace(barEveryMs, options.now, true);
  }

  advance(bytes: number): void {
    if (this.#pace.isDue()) this.#draw(bytes);
  }

  finish(): void {
    this.#draw(this.#options.total);
    this.#terminal.stderr.write("\n");
  }

  fail(): void {
    if (this.#drawn) this.#terminal.stderr.write("\n");
  }

  /** One column stays free: a full line would scroll. */
  #draw(bytes: number): void {
    const { label, total } = this.#options;
    const line = formatBar(label, bytes, total, this.#terminal.columns - 1);
    this.#terminal.stderr.write(`\r${line}\u001b[K`);
    this.#drawn = true;
  }
}

class LineProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #options: ProgressOptions;
  readonly #pace: Pace;

  constructor(terminal: Terminal, options: ProgressOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#pace = new Pace(lineEveryMs, options.now, false);
  }

  advance(bytes: number): void {
    if (!this.#pace.isDue()) return;
    const { label, total } = this.#options;
    const percent = total === 0 ? 100 : Math.floor((100 * bytes) / total);
    const sizes = `${formatBytes(bytes)}/${formatBytes(total)}`;
    this.#terminal.stderr.write(`${label}: ${sizes} (${percent} %)\n`);
  }

  finish(): void {
    const { label, total } = this.#options;
    this.#terminal.stderr.write(`${formatBar(label, total, total, 1_000)}\n`);
  }

  fail(): void {}
}

class JsonProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #options: ProgressOptions;
  readonly #pace: Pace;
  #bytes = 0;

  constructor(terminal: Terminal, options: ProgressOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#pace = new Pace(jsonEveryMs, options.now, true);
  }

  advance(bytes: number): void {
    this.#bytes = bytes;
    if (this.#pace.isDue()) this.#write("running");
  }

  finish(): void {
    this.#bytes = this.#options.total;
    this.#write("done");
  }

  fail(): void {
    this.#write("failed");
  }

  #write(state: string): void {
    const { subject, total } = this.#options;
    const record = { ...subject, bytes: this.#bytes, total, state };
    this.#terminal.stderr.write(`${JSON.stringify(record)}\n`);
  }
}
