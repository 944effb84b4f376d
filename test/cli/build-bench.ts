/** A connected machine for tests of `build`, in this process: an internet, a package, a command line. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { type BundleIndex, readBundle } from "../../src/packages/bundle-reader.ts";
import type { PackageContent } from "../../src/packages/package-content.ts";
import { readPackageContent } from "../../src/packages/read-package-content.ts";
import type { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { ConnectProxy } from "../fixtures/connect-proxy.ts";
import { Origin } from "../fixtures/origin.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { chunked } from "../packages/hostile-tar.ts";
import { type CliRun, type CliRunOptions, runInProcess } from "./run-in-process.ts";

export class BuildBench {
  readonly directory: string;
  readonly origin: Origin;
  readonly proxy: ConnectProxy;

  private constructor(directory: string, origin: Origin, proxy: ConnectProxy) {
    this.directory = directory;
    this.origin = origin;
    this.proxy = proxy;
  }

  static async create(authority: CertificateAuthority): Promise<BuildBench> {
    const directory = await makeScratch("build");
    const origin = await Origin.start(authority);
    await mkdir(path.join(directory, "out"));
    await writeFile(path.join(directory, "ca.crt"), authority.certificate);
    return new BuildBench(directory, origin, await ConnectProxy.start(origin));
  }

  get environment(): Record<string, string> {
    const { url } = this.proxy;
    return { HOME: this.directory, HTTPS_PROXY: url, HTTP_PROXY: url };
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.origin.close();
    await removeScratch(this.directory);
  }

  /** Writes a small definition with the given parts, right or wrong, into `definition.json`. */
  async define(change: Readonly<Record<string, unknown>>): Promise<void> {
    const definition = {
      packagingVersion: "4.0",
      name: "sample",
      version: "1.0",
      maintainer: "somebody@example.org",
      description: "A sample.",
      tags: ["sample"],
      ...change,
    };
    await writeFile(path.join(this.directory, "definition.json"), JSON.stringify(definition));
  }

  build(flags: readonly string[] = [], options: CliRunOptions = {}): Promise<CliRun> {
    return runInProcess(
      [
        "build",
        "--build-definition-file=definition.json",
        "--output-directory=out",
        "--ca=ca.crt",
        ...flags,
      ],
      { workingDirectory: this.directory, environment: this.environment, ...options },
    );
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  async bundle(name = "sample-1.0.dcos"): Promise<Buffer> {
    return readFile(path.join(this.directory, "out", name));
  }
}

export interface ReadBundle extends BundleIndex {
  readonly blobs: ReadonlyMap<Digest, Buffer>;
  readonly content: PackageContent;
}

/** What a registry would make of the bundle. */
export async function open(bytes: Buffer): Promise<ReadBundle> {
  const blobs = new Map<Digest, Buffer>();
  const found = await readBundle(chunked(bytes), {
    async blob(digest, _size, body) {
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(Buffer.from(chunk));
      const content = Buffer.concat(chunks);
      if (digestOf(content) !== digest) throw new Error(`${digest} has other content`);
      blobs.set(digest, content);
    },
  });
  const content = await readPackageContent(found.root.digest, async (digest) => {
    const bytesOf = blobs.get(digest);
    if (bytesOf === undefined) throw new Error(`the bundle lacks ${digest}`);
    return bytesOf;
  });
  return { ...found, blobs, content };
}
