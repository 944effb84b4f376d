/** A bucket and a path in it as people write them. Apart from the client, which takes long to load. */
import type { BucketConfig } from "../config.ts";

export function nameOf({ bucket, path }: Pick<BucketConfig, "bucket" | "path">): string {
  return `s3://${bucket}${path === "" ? "" : `/${path}`}`;
}
