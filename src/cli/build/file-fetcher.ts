/**
 * Fetches the files of a package, each source once, and checks what can be checked of them.
 *
 * Fails with findings, not with exceptions, so that one run tells all that is wrong. URLs are fetched
 * on every build, because what they name may change; local files are read where they are.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import path from "node:path";
import { type Digest, digestSoFar, hexOf } from "../../oci/digest.ts";
import { formatAssetPath, mediaTypeOf } from "../../packages/asset-file.ts";
import type { FileReference } from "../../packages/definition-files.ts";
import type { SourcedAsset } from "../../packages/package-root.ts";
import type { BlobCache } from "../fetch/blob-cache.ts";
import { download } from "../fetch/download.ts";
import { FetchFailed } from "../fetch/fetch-failed.ts";
import type { WrittenContent } from "../fetch/hashing-file.ts";
import type { HttpClient } from "../fetch/http-client.ts";
import type { RetryPolicy } from "../fetch/retry.ts";
import { type FileLocation, locate, printableUrl, sourceOf } from "./file-location.ts";
import { FileProblem } from "./file-problem.ts";
import { isZip } from "./zip-check.ts";

export interface FileFetcherOptions {
  readonly client: HttpClient;
  readonly cache: BlobCache;
  /** Absolute; where relative paths start. */
  readonly baseDirectory: string;
  readonly retry: RetryPolicy;
}

export interface FetchedFile {
  readonly reference: FileReference;
  readonly asset: SourcedAsset;
  /** What is doubtful about a CLI binary (W144). */
  readonly note?: string;
}

interface Content extends WrittenContent {
  openFile(): Promise<FileHandle>;
  read(): AsyncIterable<Buffer>;
}

export class FileFetcher {
  readonly #options: FileFetcherOptions;
  /** By URL or absolute path: each is fetched once, also when it fails. */
  readonly #fetched = new Map<string, Promise<Content>>();
  readonly #contents = new Map<Digest, Content>();

  constructor(options: FileFetcherOptions) {
    this.#options = options;
  }

  /** @throws {FileProblem} */
  async fetch(reference: FileReference): Promise<FetchedFile> {
    const location = locate(reference);
    if (location.kind !== "url" && location.kind !== "path") {
      throw new FileProblem(reference, "E145", "names no file");
    }
    const content = await this.#content(reference, location);
    if (content.size === 0) {
      const shown = printableUrl(reference.url);
      throw new FileProblem(reference, "E142", `${shown}: the file is empty`);
    }
    const note = await checkBinary(reference, content);
    const { digest, size } = content;
    const asset = {
      digest,
      size,
      path: formatAssetPath({ digest, fileName: location.name }),
      mediaType: mediaTypeOf(location.name),
      source: sourceOf(reference.url),
    };
    return { reference, asset, ...(note !== undefined && { note }) };
  }

  /** Content that was fetched before. */
  read(digest: Digest): AsyncIterable<Buffer> | undefined {
    return this.#contents.get(digest)?.read();
  }

  async #content(reference: FileReference, location: Located): Promise<Content> {
    const { baseDirectory } = this.#options;
    const key =
      location.kind === "url" ? location.url.href : path.resolve(baseDirectory, location.path);
    const running =
      this.#fetched.get(key) ??
      (location.kind === "url" ? this.#download(location.url) : readLocal(key));
    this.#fetched.set(key, running);
    try {
      const content = await running;
      this.#contents.set(content.digest, content);
      return content;
    } catch (error) {
      throw describe(error, reference, location);
    }
  }

  async #download(url: URL): Promise<Content> {
    const { client, cache, retry } = this.#options;
    const source = {
      immutable: false,
      open: (headers: Readonly<Record<string, string>>) =>
        client.send(url, { headers, signal: retry.signal }),
    };
    const { idleTimeoutMs } = client;
    const got = await cache.add((file) => download(source, file, { ...retry, idleTimeoutMs }));
    const { digest } = got;
    return { ...got, openFile: () => cache.openFile(digest), read: () => cache.read(digest) };
  }
}

type Located = Extract<FileLocation, { kind: "url" | "path" }>;

/** A local file stays where it is; the writer notices when it changes meanwhile. */
async function readLocal(file: string): Promise<Content> {
  const found = await stat(file);
  if (!found.isFile()) throw new LocalFileUnusable("not a regular file");
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).byteLength;
  }
  return {
    digest: digestSoFar("sha256", hash),
    size,
    openFile: () => open(file),
    read: () => createReadStream(file, { highWaterMark: 1024 * 1024 }),
  };
}

class LocalFileUnusable extends Error {}

function describe(error: unknown, reference: FileReference, location: Located): unknown {
  const shown = printableUrl(reference.url);
  if (error instanceof FetchFailed) {
    return new FileProblem(reference, "E142", `${shown}: ${error.message}`, { cause: error });
  }
  if (location.kind === "url") return error;
  if (error instanceof LocalFileUnusable) {
    return new FileProblem(reference, "E140", `${error.message}: ${shown}`, { cause: error });
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const missing = code === "ENOENT" || code === "ENOTDIR";
  if (!missing && code !== "EACCES" && code !== "ENAMETOOLONG" && code !== "ELOOP") return error;
  const reason = missing ? "no such file" : "cannot be read";
  return new FileProblem(reference, "E140", `${reason}: ${shown}`, { cause: error });
}

/** @returns what is doubtful @throws {FileProblem} */
async function checkBinary(
  reference: FileReference,
  content: Content,
): Promise<string | undefined> {
  const { binary, url } = reference;
  if (binary === undefined) return undefined;
  const actual = hexOf(content.digest);
  const expected = binary.contentHash.map(({ value }) => value.toLowerCase());
  const wrong = expected.find((value) => value !== actual);
  if (wrong !== undefined) {
    const message =
      `SHA-256 does not match: expected ${short(wrong)}, ` +
      `downloaded file has ${short(actual)} (${printableUrl(url)})`;
    const hint =
      "the file changed after the package was published; " +
      `if you trust it, put the new hash into resource.json: ${actual}`;
    throw new FileProblem(reference, "E143", message, { hint });
  }
  return checkKind(reference, binary.kind, await isArchive(content));
}

function checkKind(
  reference: FileReference,
  kind: "executable" | "zip",
  archive: boolean,
): string | undefined {
  if (kind === "zip" && !archive) {
    throw new FileProblem(reference, "E144", 'kind is "zip" but the file is not a zip archive');
  }
  if (kind === "zip" || !archive) return undefined;
  return 'kind is "executable" but the file is a zip archive, which DC/OS 1.13 and later unpack';
}

async function isArchive(content: Content): Promise<boolean> {
  const file = await content.openFile();
  try {
    return await isZip(file, content.size);
  } finally {
    await file.close();
  }
}

function short(hex: string): string {
  return `${hex.slice(0, 4)}…${hex.slice(-4)}`;
}
