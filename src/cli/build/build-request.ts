/** What one build is asked to do, with what, and whom it tells. */
import type { Finding, FindingPlace } from "../../packages/finding.ts";
import type { PackageDefinition } from "../../packages/package-definition.ts";
import type { BlobCache } from "../fetch/blob-cache.ts";
import type { FindImage } from "../images/image-source.ts";
import type { FileFetcher } from "./file-fetcher.ts";
import type { ImageFetcher } from "./image-fetcher.ts";
import type { Limiter } from "./limiter.ts";

export interface BuildReport {
  /** One line for people, in the words of the original. */
  line(text: string): void;
  /** Doubts about what has been fetched. */
  warn(findings: readonly Finding[]): void;
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
  readonly findImage: FindImage;
  readonly imageFetcher: ImageFetcher;
  readonly cache: BlobCache;
  readonly limiter: Limiter;
  readonly concurrency: number;
  /** Whether a warning fails the build. */
  readonly strict: boolean;
  readonly signal: AbortSignal;
}
