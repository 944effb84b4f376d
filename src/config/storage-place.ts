/**
 * Names of places that keep things: directories, buckets and `s3://BUCKET/PATH`, which stands for two
 * options of a bucket.
 */
import type { Problem } from "./schema.ts";
import type { Value } from "./sources.ts";

interface BucketPlace {
  readonly bucket: string;
  /** As written, without slashes at its ends. */
  readonly path: string;
}

export function isDirectory(text: string): boolean {
  return !/^[a-z0-9+.-]+:\/\//i.test(text) && !text.includes("\0");
}

/** Generous: older stores allow more than Amazon does. */
export function isBucket(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(text);
}

/** Names as in keys of the store, so that no server or proxy rewrites them. */
export function isBucketPath(text: string): boolean {
  return (
    text.length <= 120 &&
    /^\/*(?:[A-Za-z0-9_!][A-Za-z0-9_!.=+,@-]*\/*)*$/.test(text) &&
    !text.includes("//")
  );
}

export function isEndpoint(text: string): boolean {
  if (!/^https?:\/\/[^\s/?#@\\]+\/?$/.test(text) || !URL.canParse(text)) return false;
  return new URL(text).hostname !== "";
}

/** @returns undefined for what is no `s3://BUCKET[/PATH]` */
export function parseStorageUrl(text: string): BucketPlace | undefined {
  const [, bucket = "", path = ""] = /^s3:\/\/([^/]*)(?:\/(.*))?$/.exec(text) ?? [];
  return isBucket(bucket) && isBucketPath(path) ? { bucket, path } : undefined;
}

/** Puts what `--storage s3://…` says where the options of the bucket say it. */
export function withStoragePlace(set: ReadonlyMap<string, Value>): {
  readonly values: ReadonlyMap<string, Value>;
  readonly problems: readonly Problem[];
} {
  const place = parseStorageUrl(String(set.get("/storage") ?? ""));
  if (place === undefined) return { values: set, problems: [] };
  const problems = ["/s3/bucket", "/s3/path"]
    .filter((pointer) => set.has(pointer))
    .map((pointer) => ({
      pointer,
      message: `--storage s3://… says what --${pointer.slice(1).replace("/", "-")} says`,
    }));
  const values = new Map(set);
  values.delete("/storage");
  values.set("/s3/bucket", place.bucket);
  if (place.path !== "") values.set("/s3/path", place.path);
  return { values, problems };
}
