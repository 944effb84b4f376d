/**
 * Brings packages of a registry into a directory, each as its bundle.
 *
 * What is there and whole is not fetched again. A download goes on where it broke off, also that of
 * an earlier run; a bundle gets its name when it was read again and every byte was right.
 */
import { open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type Digest, hexOf } from "../../oci/digest.ts";
import { BundleInvalid } from "../../packages/bundle-error.ts";
import { syncDirectory } from "../../packages/sync-directory.ts";
import { BundleUnusable } from "../bundle-file.ts";
import { download } from "../fetch/download.ts";
import { FetchFailed } from "../fetch/fetch-failed.ts";
import { HashingFile } from "../fetch/hashing-file.ts";
import { RegistryUnreachable } from "../network-error.ts";
import type { Progress } from "../progress.ts";
import type { RegistryClient } from "../registry-client.ts";
import {
  type BackedUpPackage,
  isSamePackage,
  readBackupList,
  writeBackupList,
} from "./backup-list.ts";
import { verifyBundle } from "./verify-bundle.ts";

export interface WantedPackage {
  readonly name: string;
  readonly version: string;
  readonly releaseVersion: number;
  readonly root: Digest;
}

export interface ExportOptions {
  /** Absolute; must be there. */
  readonly directory: string;
  /** Read what is there already, too. */
  readonly verify: boolean;
  readonly signal: AbortSignal;
  readonly progress: (wanted: WantedPackage, bytes: number) => Progress;
}

export interface Exported {
  readonly entry: BackedUpPackage;
  readonly fetched: boolean;
}

export class ExportRun {
  readonly #registry: RegistryClient;
  readonly #options: ExportOptions;
  #list: readonly BackedUpPackage[];

  private constructor(
    registry: RegistryClient,
    options: ExportOptions,
    list: readonly BackedUpPackage[],
  ) {
    this.#registry = registry;
    this.#options = options;
    this.#list = list;
  }

  static async open(registry: RegistryClient, options: ExportOptions): Promise<ExportRun> {
    return new ExportRun(registry, options, (await readBackupList(options.directory)) ?? []);
  }

  /** The list is written before this returns. */
  async bring(wanted: WantedPackage): Promise<Exported> {
    const { directory } = this.#options;
    const file = this.#nameFor(wanted);
    const size = await this.#registry.bundleSize(bundleRoute(wanted), this.#options.signal);
    const entry = { ...wanted, file, size };
    const kept = await this.#isWhole(entry);
    if (!kept) await this.#fetch(entry);
    this.#list = [...this.#list.filter((one) => !isSamePackage(one, entry)), entry];
    await writeBackupList(directory, this.#list);
    return { entry, fetched: !kept };
  }

  /** Takes out of the list what is not among `wanted`; the files stay. @returns what was taken out */
  async forgetOthers(wanted: readonly WantedPackage[]): Promise<readonly BackedUpPackage[]> {
    const isWanted = (one: BackedUpPackage) => wanted.some((other) => isSamePackage(one, other));
    const others = this.#list.filter((one) => !isWanted(one));
    this.#list = this.#list.filter(isWanted);
    await writeBackupList(this.#options.directory, this.#list);
    return others;
  }

  /** As `build` names it; where two packages have the same name so, the later has its root in it. */
  #nameFor(wanted: WantedPackage): string {
    const plain = `${wanted.name}-${wanted.version}`;
    const taken = this.#list.find(({ file }) => file === `${plain}.dcos`);
    if (!taken || isSamePackage(taken, wanted)) return `${plain}.dcos`;
    return `${plain}-${hexOf(wanted.root).slice(0, 12)}.dcos`;
  }

  async #isWhole(entry: BackedUpPackage): Promise<boolean> {
    const target = path.join(this.#options.directory, entry.file);
    const found = await stat(target).catch(() => undefined);
    if (!found?.isFile() || found.size !== entry.size) return false;
    const known = this.#list.find(({ file }) => file === entry.file);
    if (known?.root === entry.root && !this.#options.verify) return true;
    return verifyBundle(target, entry.root, this.#options.signal).then(
      () => true,
      (error: unknown) => {
        if (error instanceof BundleInvalid) return false;
        throw error;
      },
    );
  }

  async #fetch(entry: BackedUpPackage): Promise<void> {
    const { directory, signal } = this.#options;
    const target = path.join(directory, entry.file);
    const partial = `${target}.${hexOf(entry.root).slice(0, 12)}.partial`;
    await this.#download(entry, partial);
    try {
      await verifyBundle(partial, entry.root, signal);
    } catch (cause) {
      if (!(cause instanceof BundleInvalid)) throw cause;
      await rm(partial, { force: true });
      const hint = "run the same command again; if it stays so, the registry's storage is damaged";
      throw new BundleUnusable(cause.message, { where: entry.file, hint, cause });
    }
    await rename(partial, target);
    await syncDirectory(directory);
  }

  async #download(entry: BackedUpPackage, partial: string): Promise<void> {
    const { signal, progress } = this.#options;
    const route = bundleRoute(entry);
    const handle = await open(partial, "a+", 0o600).then(async (created) => {
      await created.close();
      return open(partial, "r+");
    });
    const shown = progress(entry, entry.size);
    try {
      const file = await HashingFile.continued(handle, entry.size);
      let bytes = file.size;
      const onProgress = (more: number) => {
        bytes += more;
        shown.advance(bytes);
      };
      const open = (headers: Readonly<Record<string, string>>) =>
        this.#registry.openBundle(route, headers, signal);
      const source = { open, immutable: true, size: entry.size };
      if (bytes < entry.size) {
        await download(source, file, { signal, idleTimeoutMs, onProgress, attempts });
      }
      await handle.sync();
    } catch (error) {
      shown.fail();
      throw error instanceof FetchFailed ? unreachable(error, entry) : error;
    } finally {
      await handle.close();
    }
    shown.finish();
  }
}

const idleTimeoutMs = 60_000;
const attempts = 5;

function bundleRoute({ root, name, version }: Omit<WantedPackage, "releaseVersion">): string {
  return `bundles/${hexOf(root)}/${name}-${version}.dcos`;
}

function unreachable(cause: FetchFailed, { name, version }: WantedPackage): RegistryUnreachable {
  const hint = "run the same command again: it goes on where it stopped";
  return new RegistryUnreachable(`${name} ${version}: ${cause.message}`, { hint, cause });
}
