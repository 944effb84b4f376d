/** A server whose whole process tree can be killed at any moment, also while it starts. */
import path from "node:path";
import { type Finished, Program } from "../../fixtures/program.ts";
import { projectRoot } from "../../fixtures/server-process.ts";

/** A process group of its own, with all workers in it. */
const group = { prefix: ["setsid"], forks: false };

export class KillableServer {
  readonly #program: Program;

  /** @param directory where it runs, and where its files without a path lie */
  constructor(
    directory: string,
    flags: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    const main = path.join(projectRoot, "dist/src/main.js");
    const args = [main, "--listen", "127.0.0.1:0", "--log-level", "warn", ...flags];
    this.#program = new Program(process.execPath, args, {
      cwd: directory,
      place: group,
      env: { HOME: directory, ...env },
    });
  }

  /** @returns its URL, when it serves */
  async ready(): Promise<string> {
    const [, url = ""] = await this.#program.waitFor("stdout", /^Listening on (https:\/\/\S+)$/m);
    return url;
  }

  /** Returns when no process of it is left. */
  async kill(): Promise<void> {
    process.kill(-this.#program.pid, "SIGKILL");
    const { code, stderr } = await this.#program.ended();
    if (code !== null) throw new Error(`the server ended by itself with ${code}\n${stderr}`);
  }

  get pid(): number {
    return this.#program.pid;
  }

  stop(): Promise<Finished> {
    return this.#program.stop();
  }

  get log(): string {
    return this.#program.stderr;
  }
}
