/** Uploads in parts that were neither completed nor aborted: what a dead process leaves in a bucket. */
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { isKey, type UnfinishedUpload } from "../object-store.ts";
import type { S3Connection } from "./s3-client.ts";
import { S3RequestFailed } from "./s3-error.ts";

/** Where the next page begins. */
interface Marker {
  readonly KeyMarker: string;
  readonly UploadIdMarker?: string;
}

/** All of the connection's path. @throws {S3RequestFailed} */
export async function unfinishedUploads(connection: S3Connection): Promise<UnfinishedUpload[]> {
  const { bucket: Bucket, prefix: Prefix } = connection;
  const found: UnfinishedUpload[] = [];
  for (let marker: Marker | undefined, first = true; first || marker; first = false) {
    const page = await connection.send(
      new ListMultipartUploadsCommand({ Bucket, Prefix, ...marker }),
    );
    for (const { Key = "", UploadId: id = "" } of page.Uploads ?? []) {
      const key = Key.slice(Prefix.length);
      if (Key.startsWith(Prefix) && isKey(key)) found.push({ key, id });
    }
    marker = page.IsTruncated ? markerOf(page.NextKeyMarker, page.NextUploadIdMarker) : undefined;
  }
  return found;
}

/** Nothing happens when the upload has ended meanwhile. @throws {S3RequestFailed} */
export async function discardUpload(
  connection: S3Connection,
  { key, id }: UnfinishedUpload,
): Promise<void> {
  const target = { Bucket: connection.bucket, Key: connection.prefix + key, UploadId: id };
  try {
    await connection.send(new AbortMultipartUploadCommand(target));
  } catch (error) {
    if (!(error instanceof S3RequestFailed && error.code === "NoSuchUpload")) throw error;
  }
}

function markerOf(key: string | undefined, upload: string | undefined): Marker | undefined {
  return key ? { KeyMarker: key, ...(upload && { UploadIdMarker: upload }) } : undefined;
}
