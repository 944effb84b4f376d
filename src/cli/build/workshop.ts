/** What a build works with, made from its options and put away when it ends, however it ends. */
import { setMaxListeners } from "node:events";
import path from "node:path";
import { loadTrust } from "../../network/trust.ts";
import { type CliContext, isQuiet } from "../context.ts";
import { BlobCache } from "../fetch/blob-cache.ts";
import { HttpClient } from "../fetch/http-client.ts";
import { DockerCredentials } from "../images/docker-credentials.ts";
import { ImageArchives } from "../images/image-archive.ts";
import { ImageSource } from "../images/image-source.ts";
import { LocalDocker } from "../images/local-docker.ts";
import { parsePlatform } from "../images/platform.ts";
import { printLine } from "../print.ts";
import { printWarnings } from "../report-findings.ts";
import type { BuildOptions } from "./build-options.ts";
import type { BuildReport, BuildRequest } from "./build-request.ts";
import { FileFetcher } from "./file-fetcher.ts";
import { ImageFetcher } from "./image-fetcher.ts";
import { ImageProgress } from "./image-progress.ts";
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
  const platform = parsePlatform(options.platform);
  const trust = await loadTrust({ caFile: options.ca, environment, workingDirectory });
  const client = new HttpClient({ environment, trust, userAgent: `dcos-registry/${version}` });
  const local = options.useLocal ? new LocalDocker({ environment, signal }) : undefined;
  const cache = await openCache(options, context, places.target);
  const tools = {
    options,
    context: { ...context, signal },
    places,
    client,
    cache,
    local,
    platform,
  };
  try {
    return await work(equip(tools));
  } finally {
    await Promise.all([client.close(), cache.close(), local?.close()]);
  }
}

interface Tools {
  readonly options: BuildOptions;
  readonly context: CliContext;
  readonly places: Places;
  readonly client: HttpClient;
  readonly cache: BlobCache;
  readonly local: LocalDocker | undefined;
  readonly platform: ReturnType<typeof parsePlatform>;
}

function equip({ options, context, places, client, cache, local, platform }: Tools): Workshop {
  const { signal, environment, workingDirectory } = context;
  const { concurrency, insecureRegistry: insecureRegistries } = options;
  const limiter = new Limiter(concurrency);
  const shown = new ImageProgress(options, context);
  const credentials = new DockerCredentials(environment, signal);
  const common = { client, cache, limiter, platform, retry: { signal } };
  const remote = new ImageSource({ ...common, credentials, insecureRegistries });
  const findRemote = (text: string) => remote.find(text);
  const archives = new ImageArchives(options.imageArchive, { cache, platform, workingDirectory });
  return {
    files: new FileFetcher({ ...common, baseDirectory: places.baseDirectory }),
    findImage: archives.before(local?.before(findRemote, cache) ?? findRemote),
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
