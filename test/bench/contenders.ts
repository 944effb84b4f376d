/** The two servers that are compared: this one and Debian's docker-registry, with one certificate. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { bucketFlags } from "../fixtures/bucket-server.ts";
import { freePort } from "../fixtures/free-port.ts";
import { output, Program, peakMemory, peakMemorySharedOnce } from "../fixtures/program.ts";
import type { S3Place } from "../fixtures/s3-place.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

export interface Contender {
  readonly name: string;
  readonly url: string;
  /** Root of its process tree. */
  readonly pid: number;
  /** PEM file of the CA that both have their certificate from. */
  readonly ca: string;
  stop(): Promise<unknown>;
}

export interface Contenders {
  readonly ours: Contender;
  readonly theirs: Contender;
  stop(): Promise<void>;
}

/** One bucket for both, each below a path of its own. */
export interface BenchBucket {
  readonly place: S3Place;
  readonly name: string;
  /** Where this server finds the store; what docker-registry finds is the first endpoint of `place`. */
  readonly endpoint?: string;
}

export interface ContenderOptions {
  /** Serving processes of this server; docker-registry uses all processors in one. */
  readonly workers: number;
  /** In directories of the scratch unless told. */
  readonly bucket?: BenchBucket;
  readonly flags?: readonly string[];
}

export async function startContenders(
  scratch: string,
  options: ContenderOptions,
): Promise<Contenders> {
  const directory = path.join(scratch, "ours");
  await mkdir(directory);
  const ours = await startOurs(directory, options);
  const theirs = await startTheirs(scratch, ours.ca, options.bucket).catch(async (cause) => {
    await ours.stop();
    throw cause;
  });
  const stop = async (): Promise<void> => {
    await Promise.all([ours.stop(), theirs.stop()]);
  };
  return { ours, theirs, stop };
}

/**
 * MiB of the whole process trees, since they were started. Pages of the program's file, which all
 * processes of a tree share, count once; what the peaks add up to is told, too.
 */
export function memoryFigures({ ours, theirs }: Contenders): Record<string, number> {
  const mebibytes = (bytes: number): number => bytes / 1024 / 1024;
  return {
    "MiB this": mebibytes(peakMemorySharedOnce(ours.pid)),
    "MiB docker-registry": mebibytes(peakMemorySharedOnce(theirs.pid)),
    "MiB this, shared pages for each process": mebibytes(peakMemory(ours.pid)),
  };
}

/** @param directory exists; what is stored in it is served */
export async function startOurs(
  directory: string,
  { workers, bucket, flags = [] }: ContenderOptions,
): Promise<Contender> {
  const { place, name = "", endpoint } = bucket ?? {};
  const where = { bucket: name, path: "ours", directory, ...(endpoint && { endpoint }) };
  const stored = place ? await bucketFlags({ place, ...where }) : [];
  const all = ["--workers", String(workers), "--log-level", "warn", ...stored, ...flags];
  const server = await ServerProcess.start({ directory, flags: all });
  const { url, pid, developmentCaFile: ca } = server;
  return { name: "this", url, pid, ca, stop: () => server.stop() };
}

async function startTheirs(
  scratch: string,
  ca: string,
  bucket: BenchBucket | undefined,
): Promise<Contender> {
  const tls = path.dirname(ca);
  const port = await freePort();
  const storage = bucket ? bucketStorage(bucket) : directoryStorage(path.join(scratch, "theirs"));
  const configuration = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage,
    http: {
      addr: `127.0.0.1:${port}`,
      tls: { certificate: path.join(tls, "server.crt"), key: path.join(tls, "server.key") },
    },
  };
  const file = path.join(scratch, "docker-registry.json");
  await writeFile(file, JSON.stringify(configuration), { mode: 0o600 }); // YAML is a superset of JSON
  const program = new Program("docker-registry", ["serve", file], { cwd: scratch });
  const url = `https://127.0.0.1:${port}`;
  const patience = ["--retry", "100", "--retry-connrefused", "--retry-delay", "1"];
  await output("curl", ["-s", "--cacert", ca, ...patience, url]).catch(async (cause) => {
    await program.stop();
    throw new Error(`docker-registry does not answer\n${program.tail()}`, { cause });
  });
  return { name: "docker-registry", url, pid: program.pid, ca, stop: () => program.stop() };
}

function directoryStorage(rootdirectory: string): object {
  return { filesystem: { rootdirectory } };
}

/** Content goes through it, as it does here, and not by redirects past it to the store. */
function bucketStorage({ place, name }: BenchBucket): object {
  const s3 = {
    accesskey: place.accessKeyId,
    secretkey: place.secretAccessKey,
    region: place.region,
    regionendpoint: place.endpoints[0],
    bucket: name,
    rootdirectory: "/theirs",
    secure: false,
    v4auth: true,
  };
  return { s3, redirect: { disable: true } };
}
