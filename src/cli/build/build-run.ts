/**
 * The fetching of one build: everything is tried, what failed is told together at the end.
 *
 * Lines are printed in the order of the definition whatever the concurrency, because operations start
 * in that order.
 */
import { type FileReference, imagePointer } from "../../packages/definition-files.ts";
import { type Finding, PackageInvalid, strictly } from "../../packages/finding.ts";
import { quote } from "../../packages/quote.ts";
import { FetchFailed } from "../fetch/fetch-failed.ts";
import type { RemoteImage } from "../images/image-source.ts";
import { ImageUnavailable } from "../images/image-unavailable.ts";
import { BuildFailed } from "./build-failed.ts";
import type { BuildReport, BuildRequest } from "./build-request.ts";
import type { FetchedFile } from "./file-fetcher.ts";
import { printableUrl } from "./file-location.ts";
import { FileProblem, nameOf } from "./file-problem.ts";

/** Failures of one build, and what they are among. */
export class BuildRun {
  readonly #request: BuildRequest;
  readonly #report: BuildReport;
  readonly #findings: Finding[] = [];
  readonly #doubts: Finding[] = [];
  #attempted = 0;
  #network = false;

  constructor(request: BuildRequest, report: BuildReport) {
    this.#request = request;
    this.#report = report;
  }

  async fetchFiles(references: readonly FileReference[]): Promise<FetchedFile[]> {
    const fetched = await this.#all(references, (reference) => {
      this.#report.line(`Fetching ${printableUrl(reference.url)}`);
      return this.#request.files.fetch(reference);
    });
    for (const { reference, note } of fetched) {
      if (note !== undefined)
        this.#doubt(reference.pointer, "W144", `${nameOf(reference)}: ${note}`);
    }
    return fetched;
  }

  async fetchImages(references: readonly string[]): Promise<RemoteImage[]> {
    const { findImage, imageFetcher } = this.#request;
    const found = await this.#all(references, async (text) => {
      this.#report.line(`Fetching image ${text}`);
      return { text, image: await findImage(text) };
    });
    if (found.length === 0) return [];
    this.#report.line(`Saving docker images [${found.map(({ text }) => text).join(" ")}]`);
    this.#report.imagesFound(sizeOf(found.map(({ image }) => image)));
    const settled = await Promise.allSettled(
      found.map(({ text, image }) => imageFetcher.fetch(text, image)),
    );
    this.#report.imagesFetched();
    for (const result of settled) if (result.status === "rejected") this.#fail(result.reason);
    for (const { text, image } of found) this.#doubtLayers(text, image);
    return found.map(({ image }) => image);
  }

  /** @throws {BuildFailed} when something failed, or is doubtful in a strict build */
  settle(): void {
    const failed = this.#findings.length;
    if (failed === 0) this.#settleDoubts();
    else this.#throwFailures(failed);
  }

  #throwFailures(failed: number): never {
    const message = `${failed} of ${this.#attempted} assets failed; nothing was written`;
    const code = this.#network ? "FETCH_FAILED" : "PACKAGE_INVALID";
    throw new BuildFailed(message, code, this.#findings);
  }

  #settleDoubts(): void {
    const { strict } = this.#request;
    if (strict && this.#doubts.length > 0) throw new PackageInvalid(strictly(this.#doubts));
    this.#report.warn(this.#doubts);
  }

  #doubt(pointer: string, code: string, message: string): void {
    const place = this.#request.place(pointer);
    this.#doubts.push({ ...place, code, severity: "warning", message });
  }

  #doubtLayers(text: string, { manifest }: RemoteImage): void {
    if (!manifest.layers.some(({ mediaType: type }) => type.endsWith("+zstd"))) return;
    const reason = "Docker before 23.0 and the Mesos containerizer cannot unpack them";
    const pointer = imagePointer(this.#request.definition, text);
    this.#doubt(pointer, "W148", `image ${quote(text)} has layers compressed with zstd: ${reason}`);
  }

  /** Runs all, keeps the order, turns failures into findings. */
  async #all<T, R>(items: readonly T[], operation: (item: T) => Promise<R>): Promise<R[]> {
    this.#attempted += items.length;
    const { limiter, signal } = this.#request;
    const settled = await Promise.allSettled(
      items.map((item) =>
        limiter.run(async () => {
          signal.throwIfAborted();
          return operation(item);
        }),
      ),
    );
    return settled.flatMap((result) => {
      if (result.status === "fulfilled") return [result.value];
      this.#fail(result.reason);
      return [];
    });
  }

  /** @throws `error` when it is about no single file or image, such as an abort or a full disk */
  #fail(error: unknown): void {
    this.#request.signal.throwIfAborted();
    const { place, definition } = this.#request;
    if (error instanceof FileProblem) {
      this.#network ||= error.code === "E142";
      this.#findings.push(error.toFinding(place(error.reference.pointer)));
    } else if (error instanceof ImageUnavailable) {
      this.#network ||= error.cause instanceof FetchFailed;
      const { message, hint, image } = error;
      const where = place(imagePointer(definition, image));
      const finding = { ...where, code: "E148", severity: "error", message } as const;
      this.#findings.push(hint === undefined ? finding : { ...finding, hint });
    } else throw error;
  }
}

/** Bytes of the layers and configs, each counted once. */
function sizeOf(images: readonly RemoteImage[]): number {
  const blobs = images.flatMap(({ blobs: own }) => own);
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((total, size) => total + size, 0);
}
