/**
 * Turns a build definition into a bundle: fetches files and images, pins them, writes the file.
 *
 * Nothing is written before everything is here, and all failures of fetching are told together.
 * Equal input gives equal bytes: what is fetched in parallel is put together in order.
 */
import { planBundle } from "../../packages/bundle-plan.ts";
import { type OpenBlob, writeBundle } from "../../packages/bundle-writer.ts";
import {
  type FileReference,
  fileReferences,
  imagePointer,
  imageReferences,
  replaceFiles,
} from "../../packages/definition-files.ts";
import type { Finding, FindingPlace } from "../../packages/finding.ts";
import type { PackageImage } from "../../packages/package-content.ts";
import type { PackageDefinition } from "../../packages/package-definition.ts";
import { createPackageRoot, type PackageRoot } from "../../packages/package-root.ts";
import type { BlobCache } from "../fetch/blob-cache.ts";
import { FetchFailed } from "../fetch/fetch-failed.ts";
import type { ImageSource, RemoteImage } from "../images/image-source.ts";
import { ImageUnavailable } from "../images/image-unavailable.ts";
import { BuildFailed } from "./build-failed.ts";
import type { FetchedFile, FileFetcher } from "./file-fetcher.ts";
import { printableUrl } from "./file-location.ts";
import { FileProblem } from "./file-problem.ts";
import type { ImageFetcher } from "./image-fetcher.ts";
import type { Limiter } from "./limiter.ts";

export interface BuildReport {
  /** One line for people, in the words of the original. */
  line(text: string): void;
  /** All images are found: so many bytes of layers are needed. */
  imagesFound(bytes: number): void;
  imagesFetched(): void;
}

export interface BuildRequest {
  readonly definition: PackageDefinition;
  /** Where a value of the definition stands, for findings. */
  readonly place: (pointer: string) => FindingPlace;
  /** Pointers of the files that stay as they are. */
  readonly kept: ReadonlySet<string>;
  readonly files: FileFetcher;
  readonly images: ImageSource;
  readonly imageFetcher: ImageFetcher;
  readonly cache: BlobCache;
  readonly limiter: Limiter;
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

/**
 * @param target absolute; must not exist
 * @throws {BuildFailed} when something cannot be fetched
 * @throws {BundleExists}
 */
export async function buildPackage(
  request: BuildRequest,
  target: string,
  report: BuildReport,
): Promise<void> {
  const { kept, definition, files, cache, concurrency, signal } = request;
  const wanted = fileReferences(definition).filter(({ pointer }) => !kept.has(pointer));
  const run = new BuildRun(request, report);
  const assets = await run.fetchFiles(wanted.filter(({ kind }) => kind === "asset"));
  const images = await run.fetchImages(imageReferences(definition));
  const others = await run.fetchFiles(wanted.filter(({ kind }) => kind !== "asset"));
  run.throwIfFailed();
  const { root, documents } = assemble(definition, [...assets, ...others], images);
  const openBlob: OpenBlob = (digest) => files.read(digest) ?? cache.read(digest);
  await writeBundle(target, planBundle(root, documents), openBlob, { concurrency, signal });
}

function assemble(
  definition: PackageDefinition,
  files: readonly FetchedFile[],
  images: readonly RemoteImage[],
): PackageRoot {
  const paths = new Map(files.map(({ reference, asset }) => [reference.pointer, asset.path]));
  const assets = new Map(files.toReversed().map(({ asset }) => [asset.path, asset]));
  const created = createPackageRoot({
    definition: replaceFiles(definition, ({ pointer, url }) => paths.get(pointer) ?? url),
    assets: [...new Set(paths.values())].flatMap((path) => assets.get(path) ?? []),
    images: packageImages(images),
  });
  const documents = new Map(created.documents);
  for (const image of images) {
    for (const [digest, bytes] of image.documents) documents.set(digest, bytes);
  }
  return { root: created.root, documents };
}

/** Two spellings of one reference are one image. */
function packageImages(images: readonly RemoteImage[]): PackageImage[] {
  const byReference = new Map(images.map((image) => [image.reference, image]));
  return [...byReference.values()].map(({ reference, descriptor }) => ({ reference, descriptor }));
}

/** Failures of one build, and what they are among. */
class BuildRun {
  readonly #request: BuildRequest;
  readonly #report: BuildReport;
  readonly #findings: Finding[] = [];
  #attempted = 0;
  #network = false;

  constructor(request: BuildRequest, report: BuildReport) {
    this.#request = request;
    this.#report = report;
  }

  async fetchFiles(references: readonly FileReference[]): Promise<FetchedFile[]> {
    return this.#all(references, (reference) => {
      this.#report.line(`Fetching ${printableUrl(reference.url)}`);
      return this.#request.files.fetch(reference);
    });
  }

  async fetchImages(references: readonly string[]): Promise<RemoteImage[]> {
    const { images, imageFetcher } = this.#request;
    const found = await this.#all(references, async (text) => {
      this.#report.line(`Fetching image ${text}`);
      return { text, image: await images.find(text) };
    });
    if (found.length === 0) return [];
    this.#report.line(`Saving docker images [${found.map(({ text }) => text).join(" ")}]`);
    this.#report.imagesFound(sizeOf(found.map(({ image }) => image)));
    const settled = await Promise.allSettled(
      found.map(({ text, image }) => imageFetcher.fetch(text, image)),
    );
    this.#report.imagesFetched();
    for (const result of settled) if (result.status === "rejected") this.#fail(result.reason);
    return found.map(({ image }) => image);
  }

  throwIfFailed(): void {
    const failed = this.#findings.length;
    if (failed === 0) return;
    const message = `${failed} of ${this.#attempted} assets failed; nothing was written`;
    const code = this.#network ? "FETCH_FAILED" : "PACKAGE_INVALID";
    throw new BuildFailed(message, code, this.#findings);
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
