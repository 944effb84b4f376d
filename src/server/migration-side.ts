/** One side of a migration: a directory or a bucket, opened beside the servers that may use it. */
import { access, realpath } from "node:fs/promises";
import path from "node:path";
import type { Logger } from "pino";
import { type Config, ConfigInvalid, loadConfig } from "../config.ts";
import { MigrationRefused } from "../registry/migration/move-state.ts";
import { FilesystemStore } from "../storage/filesystem-store.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { lockDirectory } from "../storage/owner-lock.ts";
import { openS3 } from "../storage/s3/open-s3.ts";
import { bucketOptions } from "./bucket.ts";
import { nameOf } from "./bucket-name.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Side {
  readonly store: ObjectStore;
  /** As `--storage` takes it. */
  readonly name: string;
  /** Absolute; undefined for a bucket. */
  readonly directory: string | undefined;
  end(): Promise<void>;
}

/**
 * Read as a server does that is started with it. Variables say nothing of a directory, nor of what a
 * file describes; of an `s3://` storage they say how to reach it.
 *
 * @throws {ConfigInvalid}
 */
export function readSide(
  flag: string,
  { storage, file }: { storage: string | undefined; file: string | undefined },
  environment: Environment,
): Config {
  if (storage === undefined && file === undefined) {
    const message = `--${flag}: say which storage, or --${flag}-config a file that does`;
    throw new ConfigInvalid([{ pointer: "", message }]);
  }
  const argv = [
    ...(file === undefined ? [] : ["--config", file]),
    ...(storage === undefined ? [] : ["--storage", storage]),
  ];
  const bucket = storage?.startsWith("s3://") ?? false;
  const others = Object.entries(environment).filter(([name]) =>
    bucket ? !placing.test(name) : !s3.test(name),
  );
  return loadConfig(argv, Object.fromEntries(others));
}

/** Variables that name a storage; and those that say anything of one. */
const placing = /^DCOS_REGISTRY_(?:CONFIG|STORAGE|S3_BUCKET|S3_PATH)$/;
const s3 = /^DCOS_REGISTRY_(?:CONFIG$|STORAGE$|S3_)/;

/** @throws {MigrationRefused} when there is nothing, which opening would make */
export async function openSource(config: Config, log: Logger): Promise<Side> {
  if (config.s3) return openBucket(config, log);
  const { storage } = config;
  await access(path.join(storage, "store")).catch((cause) => {
    throw new MigrationRefused(`${storage} holds no registry`, { cause });
  });
  const store = await FilesystemStore.open(storage);
  return { store, name: storage, directory: storage, end: async () => undefined };
}

/** No server starts on a directory as long as this has it. @throws {StorageInUse} */
export async function openTarget(config: Config, log: Logger): Promise<Side> {
  if (config.s3) return openBucket(config, log);
  const { storage } = config;
  const store = await FilesystemStore.open(storage);
  return { store, name: storage, directory: storage, end: await lockDirectory(storage) };
}

async function openBucket(config: Config, log: Logger): Promise<Side> {
  if (config.s3 === undefined) throw new TypeError("no bucket");
  const options = await bucketOptions(config.s3, config, log);
  const { store, connection } = await openS3(options, { overlap: false });
  return {
    store,
    name: nameOf(config.s3),
    directory: undefined,
    end: async () => connection.close(),
  };
}

/** @throws {MigrationRefused} when one is the other, or lies in it */
export async function expectApart(from: Config, to: Config): Promise<void> {
  if (from.s3 && to.s3) {
    const places = [from.s3, to.s3].map((s3) => `${s3.endpoint ?? ""} ${nameOf(s3)}/`);
    const [one = "", other = ""] = places;
    if (one.startsWith(other) || other.startsWith(one)) throw notApart(nameOf(to.s3));
  }
  if (from.s3 || to.s3) return;
  const paths = [from.storage, to.storage].map((each) => realpath(each).catch(() => each));
  const [one = "", other = ""] = await Promise.all(paths);
  const inside = (inner: string, outer: string) => !path.relative(outer, inner).startsWith("..");
  if (inside(one, other) || inside(other, one)) throw notApart(to.storage);
}

function notApart(to: string): MigrationRefused {
  return new MigrationRefused(`${to} is the old storage, or lies in it, or around it`);
}
