/**
 * A small file whose parsed content follows the file.
 *
 * It is looked at when it is used, at most once a second, so no timer runs. A file that became
 * malformed or unreadable leaves the last good content in use; a file that was removed takes its
 * content along, because that is how credentials are withdrawn.
 */
import { readFile } from "node:fs/promises";
import { fileState } from "../storage/file-state.ts";
import { CredentialsFileInvalid } from "./identity-error.ts";

export interface ReloadedFileOptions<T> {
  readonly file: string;
  /** @throws {CredentialsFileInvalid} */
  readonly parse: (file: string, text: string) => T;
  /** What an absent file amounts to. */
  readonly absent: T;
  /** Told once for each state of the file that cannot be used. */
  readonly onError: (error: unknown) => void;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

const lookMs = 1000;

export class ReloadedFile<T> {
  readonly #options: ReloadedFileOptions<T>;
  readonly #clock: () => number;
  #content: T;
  #state: string;
  #lookedAt: number;
  #looking: Promise<void> | undefined;

  private constructor(options: ReloadedFileOptions<T>, content: T, state: string) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#content = content;
    this.#state = state;
    this.#lookedAt = this.#clock();
  }

  /** @throws {CredentialsFileInvalid} when the file cannot be read or used */
  static async open<T>(options: ReloadedFileOptions<T>): Promise<ReloadedFile<T>> {
    const state = await fileState(options.file);
    return new ReloadedFile(options, await load(options), state);
  }

  async content(): Promise<T> {
    if (this.#clock() - this.#lookedAt >= lookMs) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    }
    await this.#looking;
    return this.#content;
  }

  async #look(): Promise<void> {
    this.#lookedAt = this.#clock();
    const state = await fileState(this.#options.file);
    if (state === this.#state) return;
    this.#state = state;
    try {
      this.#content = state === "ENOENT" ? this.#options.absent : await load(this.#options);
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

async function load<T>({ file, parse }: ReloadedFileOptions<T>): Promise<T> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CredentialsFileInvalid(file, `cannot be read (${code})`, { cause });
  }
  return parse(file, text);
}
