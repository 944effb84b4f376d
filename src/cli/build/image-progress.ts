/** Shows the layers of all images of a build as one transfer. */
import { type CliContext, isQuiet } from "../context.ts";
import { createProgress, type Progress } from "../progress.ts";
import type { BuildOptions } from "./build-options.ts";

export class ImageProgress {
  readonly #options: BuildOptions;
  readonly #context: CliContext;
  #progress: Progress | undefined;
  #total = 0;
  #bytes = 0;
  #furthest = 0;

  constructor(options: BuildOptions, context: CliContext) {
    this.#options = options;
    this.#context = context;
  }

  start(total: number): void {
    this.#total = total;
    this.#progress = createProgress(this.#context.terminal, {
      mode: isQuiet(this.#context) ? "none" : this.#options.progress,
      label: "Image download progress",
      total,
      subject: { type: "images" },
    });
  }

  /** A download that starts again gives back what it had. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#furthest = Math.max(this.#furthest, this.#bytes);
    this.#progress?.advance(this.#furthest);
  }

  end(): void {
    if (this.#bytes === this.#total) this.#progress?.finish();
    else this.#progress?.fail();
  }
}
