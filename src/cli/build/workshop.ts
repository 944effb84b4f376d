/** What a build works with, made from its options and put away when it ends, however it ends. */
import { setMaxListeners } from "node:events";
import path from "node:path";
import { type CliContext, isQuiet } from "../context.ts";
import { BlobCache } from "../fetch/blob-cache.ts";
import { HttpClient } from "../fetch/http-client.ts";
import { loadTrust } from "../fetch/trust.ts";
import { DockerCredentials } from "../images/docker-credentials.ts";
import { ImageSource } from "../images/image-source.ts";
import { parsePlatform } from "../images/platform.ts";
import { printLine } from "../print.ts";
import { createProgress, type Progress } from "../progress.ts";
import { printWarnings } from "../report-findings.ts";
import type { BuildOptions } from "./build-options.ts";
import type { BuildReport, BuildRequest } from "./build-request.ts";
import { FileFetcher } from "./file-fetcher.ts";
import { ImageFetcher } from "./image-fetcher.ts";
import { Limiter } from "./limiter.ts";

export interface Workshop extends Omit<BuildRequest, "definition" | "place" | "kept"> {
  readonly report: BuildReport;
}

export interface Places {
  /** Absolute; where relative paths of the definition start. */
  readonly baseDirectory: string;
  /** Absolute; the file to be written. */
  readonly target: string;
}

export async function withWorkshop<T>(
  options: BuildOptions,
  context: CliContext,
  places: Places,
  work: (workshop: Workshop) => Promise<T>,
): Promise<T> {
  const { environment, workingDirectory, version = "0" } = context;
  // Many transfers listen to it at once; that is no leak.
  const signal = AbortSignal.any([context.signal]);
  setMaxListeners(0, signal);
  const trust = await loadTrust({ caFile: options.ca, environment, workingDirectory });
  const platform = parsePlatform(options.platform);
  const client = new HttpClient({ environment, trust, userAgent: `dcos-registry/${version}` });
  const cache = await openCache(options, context, places.target);
  try {
    return await work(
      equip({ options, context: { ...context, signal }, places, client, cache, platform }),
    );
  } finally {
    await Promise.all([client.close(), cache.close()]);
  }
}

interface Equipment {
  readonly options: BuildOptions;
  readonly context: CliContext;
  readonly places: Places;
  readonly client: HttpClient;
  readonly cache: BlobCache;
  readonly platform: ReturnType<typeof parsePlatform>;
}

function equip({ options, context, places, client, cache, platform }: Equipment): Workshop {
  const { signal, environment } = context;
  const { concurrency, insecureRegistry } = options;
  const retry = { signal };
  const limiter = new Limiter(concurrency);
  const shown = new ShownProgress(options, context);
  const credentials = new DockerCredentials(environment, signal);
  const common = { client, cache, limiter, platform, retry };
  return {
    files: new FileFetcher({ ...common, baseDirectory: places.baseDirectory }),
    images: new ImageSource({ ...common, credentials, insecureRegistries: insecureRegistry }),
    imageFetcher: new ImageFetcher({ ...common, onProgress: (bytes) => shown.add(bytes) }),
    cache,
    limiter,
    concurrency,
    strict: options.strict ?? false,
    signal,
    report: {
      warn: (findings) => printWarnings(findings, context),
      line: (text) => {
        if (!options.json && !isQuiet(context)) printLine(context.terminal, text);
      },
      imagesFound: (bytes) => shown.start(bytes),
      imagesFetched: () => shown.end(),
    },
  };
}

/** The cache that builds share; one for this build when the user wants none or has no home. */
async function openCache(
  { cache: wanted }: BuildOptions,
  { environment }: CliContext,
  target: string,
): Promise<BlobCache> {
  const directory = wanted ? BlobCache.defaultDirectory(environment) : undefined;
  if (directory === undefined) return BlobCache.openTemporary(path.dirname(target));
  return BlobCache.open(directory);
}

/** The layers of all images as one transfer. */
class ShownProgress {
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
