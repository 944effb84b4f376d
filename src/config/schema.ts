/**
 * Validation of options: by the JSON schema of each row of the table, and words for what it finds.
 *
 * Messages never repeat a value, so that a secret put in the wrong place stays out of logs.
 */
import { Ajv, type ErrorObject } from "ajv";
import { l4lbLabel, l4lbName } from "../cluster/l4lb-name.ts";
import { parseImageReference } from "../oci/reference.ts";
import { parseAddress } from "./address.ts";
import { parseUids } from "./cluster-config.ts";
import { nearest } from "./nearest.ts";
import { flagOf, type Option, options } from "./options.ts";
import {
  isBucket,
  isBucketPath,
  isDirectory,
  isEndpoint,
  parseStorageUrl,
} from "./storage-place.ts";

/** One thing that is wrong; `pointer` is the place in the configuration file's shape. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
}

interface Format {
  readonly accepts: (text: string) => boolean;
  readonly wanted: string;
}

const formats: Readonly<Record<string, Format>> = {
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

const ajv = new Ajv({
  allErrors: true,
  // The table is ours: checking it against the schema of schemas would double the time of this step.
  meta: false,
  validateSchema: false,
  formats: Object.fromEntries(
    Object.entries(formats).map(([name, { accepts }]) => [name, accepts]),
  ),
});

const optionAt: ReadonlyMap<string, Option> = new Map(
  options.map((option) => [option.pointer, option]),
);
/** Where other places are below: `/tls` for `/tls/cert`. */
const groups: ReadonlySet<string> = new Set(
  options.flatMap(({ pointer }) =>
    Array.from(pointer.matchAll(/(?!^)\//g), ({ index }) => pointer.slice(0, index)),
  ),
);

/**
 * Everything that is wrong with `document`, which has the shape of the configuration file.
 *
 * Only the schemas of what is set are compiled: those of all options take longer than the rest of a start.
 */
export function problemsOf(document: unknown): Problem[] {
  return problemsIn("", document);
}

function problemsIn(group: string, document: unknown): Problem[] {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    return [{ pointer: group, message: "must be an object" }];
  }
  return Object.entries(document).flatMap(([name, value]) => {
    const pointer = `${group}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const option = optionAt.get(pointer);
    if (option) return problemsWith(option, value);
    if (groups.has(pointer)) return problemsIn(pointer, value);
    return [{ pointer: group, message: unknownName(group, name) }];
  });
}

/** The schema is kept compiled for as long as its row, which is for ever. */
function problemsWith({ schema, pointer }: Option, value: unknown): Problem[] {
  if (ajv.validate(schema, value)) return [];
  return (ajv.errors ?? []).map((error) => ({ pointer, message: describe(error) }));
}

function describe(error: ErrorObject): string {
  const { keyword, params } = error;
  switch (keyword) {
    case "format":
      return formats[String(params["format"])]?.wanted ?? "is malformed";
    case "enum":
      return `must be one of ${(params["allowedValues"] as unknown[]).join(", ")}`;
    case "type":
      return typeWords.get(String(params["type"])) ?? "is of the wrong type";
    case "minimum":
      return `must be at least ${params["limit"]}`;
    case "maximum":
      return `must be at most ${params["limit"]}`;
    case "minLength":
      return "must not be empty";
    default:
      return error.message ?? "is not valid";
  }
}

const typeWords = new Map([
  ["boolean", "must be true or false"],
  ["integer", "must be a whole number"],
  ["string", "must be a string"],
]);

function unknownName(parent: string, name: string): string {
  const wanted = `${parent}/${name}`.slice(1);
  const known = options.filter(({ inFile }) => inFile !== false);
  const meant = nearest(
    wanted.replaceAll("/", "-"),
    known.map((option) => flagOf(option)),
  );
  const pointer = known.find((option) => flagOf(option) === meant)?.pointer;
  return `unknown option "${name}"${pointer ? `; did you mean ${pointer}?` : ""}`;
}
