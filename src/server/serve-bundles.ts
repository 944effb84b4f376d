/**
 * `dcos-registry-server serve FILE…`: registry, `/repo` and assets straight out of bundles, read-only.
 *
 * For bringing up a cluster that has no registry yet. The storage directory is used for the development
 * certificate only.
 */
import path from "node:path";
import type { Logger } from "pino";
import { mountBundles } from "../catalog/mounted-bundles.ts";
import type { Config } from "../config.ts";
import { openRegistry } from "../registry/registry.ts";
import { FileRangesStore } from "../storage/file-ranges-store.ts";
import type { Served } from "./banner.ts";
import { serveStorage } from "./serve-storage.ts";
import type { Storage } from "./storage.ts";

/** No file was named. */
export class NoBundle extends Error {
  readonly code = "NO_BUNDLE";
  constructor() {
    super("serve needs the names of .dcos files: dcos-registry-server serve FILE… [options]");
    this.name = new.target.name;
  }
}

/** @throws {NoBundle | BundleUnservable} */
export async function serveBundles(
  { s3: _unused, ...config }: Config,
  files: readonly string[],
  log: Logger,
  started: (served: Served) => void,
  stop: AbortSignal,
): Promise<void> {
  if (files.length === 0) throw new NoBundle();
  const fixed = { ...config, readOnly: true, workers: 1 };
  await serveStorage(fixed, { claim: () => mountAll(fixed, files, log) }, log, started, stop);
}

async function mountAll(config: Config, files: readonly string[], log: Logger): Promise<Storage> {
  const store = new FileRangesStore();
  const registry = openRegistry(store, {
    manifestLimit: config.limits.manifestBytes,
    uploadLifeMs: 0,
  });
  const absolute = files.map((file) => path.resolve(file));
  for (const { record } of await mountBundles(registry, store, absolute)) {
    const { name, version } = record.definition;
    log.info({ package: name, version, root: record.root }, "package served from its file");
  }
  return {
    store,
    distant: false,
    fixed: true,
    check: {
      name: "storage/coordination",
      run: async () => ({ healthy: true, message: `read-only: ${files.length} bundle(s).` }),
    },
    end: async () => undefined,
  };
}
