/** Forms that texts among the options may have to have, and words for what is wanted. */
import { l4lbLabel, l4lbName } from "../cluster/l4lb-name.ts";
import { parseImageReference } from "../oci/reference.ts";
import { parseAddress } from "./address.ts";
import { parseUids } from "./cluster-config.ts";
import {
  isBucket,
  isBucketPath,
  isDirectory,
  isEndpoint,
  parseStorageUrl,
} from "./storage-place.ts";

export interface Format {
  readonly accepts: (text: string) => boolean;
  readonly wanted: string;
}

export const formats: Readonly<Record<string, Format>> = {
  address: {
    accepts: (text) => parseAddress(text) !== undefined,
    wanted: "must be HOST:PORT, for example 127.0.0.1:8443, [::1]:8443 or 0.0.0.0:443",
  },
  storage: {
    accepts: (text) => isDirectory(text) || parseStorageUrl(text) !== undefined,
    wanted: "must be a directory of this machine or s3://BUCKET/PATH",
  },
  "s3-bucket": { accepts: isBucket, wanted: "must be the name of a bucket" },
  "s3-path": {
    accepts: isBucketPath,
    wanted: "must be names of letters, digits and !_.=+,@- with / between them",
  },
  "s3-endpoint": {
    accepts: isEndpoint,
    wanted: "must be http:// or https:// with a host, without user, path and query",
  },
  uids: {
    accepts: (text) => parseUids(text) !== undefined,
    wanted: "must be uids of the cluster's users, with commas between them",
  },
  file: { accepts: (text) => !text.includes("\0"), wanted: "must be a file of this machine" },
  "https-url": {
    accepts: isPublicUrl,
    wanted: "must be an https:// URL without user, query and fragment",
  },
  "image-host": {
    accepts: isImageHost,
    wanted: "must be HOST or HOST:PORT, as in front of an image's name",
  },
  "service-name": {
    accepts: isServiceName,
    wanted: "must be a Marathon app id: lower-case letters, digits, '-', '.' and '/'",
  },
};

/** One of which nothing is left in DNS, or too much, could be reached by nobody. */
function isServiceName(text: string): boolean {
  const wellFormed = /^\/?[a-z0-9-]+(?:[./][a-z0-9-]+)*$/.test(text);
  return wellFormed && l4lbLabel(text) !== "" && l4lbName(text).length <= 253;
}

function isPublicUrl(text: string): boolean {
  if (!/^https:\/\/[^\s?#@\\]+$/.test(text) || !URL.canParse(text)) return false;
  return new URL(text).hostname !== "";
}

function isImageHost(text: string): boolean {
  try {
    return parseImageReference(`${text}/name`).host === text;
  } catch {
    return false;
  }
}
