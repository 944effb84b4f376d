/** The least that passes for a bundle before it is sent, for tests of the command line. */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";

export interface SmallBundle {
  readonly name?: string;
  readonly version?: string;
  /** Bytes of content behind the first entries. */
  readonly contentBytes?: number;
}

/** @returns the path of `<name>-<version>.dcos` in `directory` */
export async function writeSmallBundle(
  directory: string,
  { name = "hello", version = "1.0", contentBytes = 0 }: SmallBundle = {},
): Promise<string> {
  const file = path.join(directory, `${name}-${version}.dcos`);
  const archive = pack();
  archive.entry({ name: "oci-layout" }, '{"imageLayoutVersion":"1.0.0"}');
  archive.entry({ name: "index.json" }, `package=${name} version=${version}\n`);
  if (contentBytes > 0) archive.entry({ name: "blobs/sha256/x" }, randomBytes(contentBytes));
  archive.finalize();
  await pipeline(archive, createWriteStream(file));
  return file;
}
