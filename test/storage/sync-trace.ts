/**
 * A disk that forgets everything that was not synced, played from a trace of system calls.
 *
 * It follows writes, names and syncs of one process and says, at each acknowledgement, what a power
 * cut at that moment would take away. `kill -9` alone cannot show this: the kernel keeps what a dead
 * process has written.
 */
import path from "node:path";

interface SystemCall {
  readonly name: string;
  /** As strace prints them. */
  readonly text: string;
  /** Line numbers: of the call, and of its return. */
  readonly begin: number;
  readonly end: number;
}

export interface Acknowledgement {
  readonly name: string;
  /** Names and contents that were visible and not durable, as sentences. */
  readonly lost: readonly string[];
}

const begun = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/;
const ended = /^(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)\) += (-?\d+)/;

/** Calls that did something, in the order of their return. Acknowledgements fail, by design. */
function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const waiting = new Map<string, { text: string; begin: number }>();
  for (const [line, text] of trace.split("\n").entries()) {
    const [, starter, , arguments_ = ""] = begun.exec(text) ?? [];
    if (starter !== undefined) waiting.set(starter, { text: arguments_, begin: line });
    const [, thread = "", called, resumed, rest = "", result = ""] = ended.exec(text) ?? [];
    const name = called ?? resumed ?? "";
    const start = (resumed && waiting.get(thread)) || { text: "", begin: line };
    if (counts(name, result)) calls.push({ name, ...start, text: start.text + rest, end: line });
  }
  return calls;
}

function counts(name: string, result: string): boolean {
  return name.includes("access") || (name !== "" && Number(result) >= 0);
}

function quoted(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? "");
}

/** The file behind the descriptor, as `strace -y` shows it. */
function described(text: string): string {
  return /^\d+<([^>]*)>/.exec(text)?.[1] ?? "";
}

export class ForgetfulDisk {
  readonly #root: string;
  /** Files with content that is not synced, and since which line. */
  readonly #contents = new Map<string, number>();
  /** Names that their directory has not been synced with, and since which line. */
  readonly #names = new Map<string, number>();
  readonly #acknowledged: Acknowledgement[] = [];

  /** @param root only what is below it, and its own name, matters */
  constructor(root: string) {
    this.#root = root;
  }

  /** @param trace of `strace -f -y`, with an `access` of `/acknowledged/<name>` at each point */
  play(trace: string): readonly Acknowledgement[] {
    for (const call of parseTrace(trace)) this.#apply(call);
    return this.#acknowledged;
  }

  #apply({ name, text, begin, end }: SystemCall): void {
    const [first = "", second = ""] = quoted(text);
    if (name.startsWith("mkdir")) this.#names.set(first, end);
    else if (name.includes("write")) this.#contents.set(described(text), end);
    else if (name === "fsync" || name === "fdatasync") this.#sync(described(text), begin);
    else if (name.startsWith("rename")) this.#name(first, second, end, true);
    else if (name.startsWith("link")) this.#name(first, second, end, false);
    else if (first.startsWith("/acknowledged/")) this.#acknowledge(path.basename(first));
  }

  /** Covers what had returned before the sync was called. */
  #sync(file: string, begin: number): void {
    if ((this.#contents.get(file) ?? begin) < begin) this.#contents.delete(file);
    for (const [name, since] of this.#names) {
      if (path.dirname(name) === file && since < begin) this.#names.delete(name);
    }
  }

  #name(from: string, to: string, end: number, moved: boolean): void {
    const since = this.#contents.get(from);
    if (since !== undefined) this.#contents.set(to, since);
    if (moved) this.#contents.delete(from);
    this.#names.set(to, end);
  }

  #acknowledge(name: string): void {
    const lost = [
      ...[...this.#contents.keys()].filter(this.#matters).map((file) => `content of ${file}`),
      ...[...this.#names.keys()].filter(this.#matters).map((file) => `name of ${file}`),
    ];
    this.#acknowledged.push({ name, lost });
  }

  /** Staging and locks mean nothing after a power cut. */
  readonly #matters = (file: string): boolean =>
    file === this.#root || file.startsWith(`${this.#root}/store`) || this.#root.startsWith(file);
}
