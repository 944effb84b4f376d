/** Starts `store-worker` processes and collects what they say. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const script = path.resolve(import.meta.dirname, "store-worker.js");

export class WorkerProcess {
  /** Everything it has said so far. */
  readonly said: string[] = [];
  /** How it ended: an exit code, or the name of a signal. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(...args: readonly string[]) {
    this.#child = fork(script, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#child.on("message", (message) => this.said.push(String(message)));
    this.ended = once(this.#child, "close").then(([code, signal]) => signal ?? code);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until it has said so many things, or has ended. */
  async hasSaid(things: number): Promise<void> {
    while (this.said.length < things && this.#child.exitCode === null) {
      await Promise.race([once(this.#child, "message"), this.ended]);
      if (this.#child.signalCode !== null) return;
    }
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
