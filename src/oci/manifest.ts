/**
 * Manifests and indexes, OCI and Docker schema 2, as verbatim bytes beside a parsed view.
 *
 * Parsing never feeds writing: a manifest leaves exactly as it came in, so its digest holds.
 * Unknown fields and unknown media types of layers are legal (image-spec 1.1) and ignored here.
 */
import type { Descriptor, Platform } from "./descriptor.ts";
import { type Digest, type DigestAlgorithm, digestOf, isDigest } from "./digest.ts";
import { essence, isIndexType, isManifestType, mediaType } from "./media-type.ts";
import { ManifestInvalid } from "./registry-error.ts";

interface ManifestHead {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Descriptor;
}

export interface ImageManifest extends ManifestHead {
  readonly kind: "manifest";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex extends ManifestHead {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

export type Manifest = ImageManifest | ImageIndex;

/**
 * @param bytes       the manifest as it travelled
 * @param contentType the type it was announced with; its parameters are ignored
 * @throws {ManifestInvalid} when the type is unknown, the JSON broken, or a required field wrong
 */
export function parseManifest(
  bytes: Buffer,
  contentType: string,
  algorithm: DigestAlgorithm = "sha256",
): Manifest {
  const type = essence(contentType);
  if (!isManifestType(type)) throw unsupportedType(type);
  const document = parseObject(bytes);
  if (document["schemaVersion"] !== 2) fail("schemaVersion must be 2", "/schemaVersion");
  const stated = document["mediaType"];
  if (stated !== undefined && stated !== type) {
    fail(`mediaType says ${JSON.stringify(stated)}, the Content-Type says ${type}`, "/mediaType");
  }
  const head = { bytes, digest: digestOf(bytes, algorithm), mediaType: type, ...common(document) };
  if (isIndexType(type)) {
    refuseField(document, "layers", type);
    return { ...head, kind: "index", manifests: descriptors(document["manifests"], "/manifests") };
  }
  refuseField(document, "manifests", type);
  return {
    ...head,
    kind: "manifest",
    config: descriptor(document["config"], "/config"),
    layers: descriptors(document["layers"], "/layers"),
  };
}

/** The child of an index for one platform; attestation entries (`unknown/unknown`) never match. */
export function selectPlatform(index: ImageIndex, wanted: Platform): Descriptor | undefined {
  return index.manifests.find(
    ({ platform }) =>
      platform?.os === wanted.os &&
      platform.architecture === wanted.architecture &&
      (wanted.variant === undefined || platform.variant === wanted.variant),
  );
}

function unsupportedType(type: string): ManifestInvalid {
  const schema1 = type === mediaType.dockerSchema1 || type === mediaType.dockerSchema1Signed;
  return new ManifestInvalid(
    schema1
      ? "Docker schema 1 manifests are not supported; push with a client that writes schema 2 or OCI"
      : `a manifest cannot have Content-Type ${type.slice(0, 200) || "(none)"}`,
    { mediaType: type.slice(0, 200) },
  );
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ManifestInvalid("the manifest is not valid JSON", {}, { cause });
  }
  return object(parsed, "");
}

function common(document: Record<string, unknown>): {
  artifactType?: string;
  annotations?: Record<string, string>;
  subject?: Descriptor;
} {
  const { artifactType, annotations, subject } = document;
  return {
    ...(typeof artifactType === "string" && artifactType !== "" && { artifactType }),
    ...(annotations != null && { annotations: strings(annotations, "/annotations") }),
    ...(subject != null && { subject: descriptor(subject, "/subject") }),
  };
}

/** An index with `layers`, or a manifest with `manifests`, is read differently by different tools. */
function refuseField(document: Record<string, unknown>, field: string, type: string): void {
  if (document[field] != null) fail(`${type} must not have "${field}"`, `/${field}`);
}

function descriptors(value: unknown, pointer: string): Descriptor[] {
  if (value == null) return [];
  if (!Array.isArray(value)) return fail("must be an array", pointer);
  return value.map((entry, position) => descriptor(entry, `${pointer}/${position}`));
}

function descriptor(value: unknown, pointer: string): Descriptor {
  const entry = object(value, pointer);
  const { mediaType: type, digest, size, annotations, artifactType, platform, data, urls } = entry;
  if (typeof type !== "string" || type === "") fail("must be a string", `${pointer}/mediaType`);
  if (typeof digest !== "string" || !isDigest(digest)) fail("not a digest", `${pointer}/digest`);
  if (!Number.isSafeInteger(size) || Number(size) < 0) fail("not a size", `${pointer}/size`);
  return {
    mediaType: type as string,
    digest: digest as Digest,
    size: size as number,
    ...(annotations != null && { annotations: strings(annotations, `${pointer}/annotations`) }),
    ...(typeof artifactType === "string" && artifactType !== "" && { artifactType }),
    ...(platform != null && { platform: object(platform, `${pointer}/platform`) as never }),
    ...(typeof data === "string" && { data }),
    ...(Array.isArray(urls) && { urls: urls.filter((url) => typeof url === "string") }),
  };
}

function strings(value: unknown, pointer: string): Record<string, string> {
  const entries = object(value, pointer);
  for (const [key, text] of Object.entries(entries)) {
    if (typeof text !== "string") fail("must be a string", `${pointer}/${key}`);
  }
  return entries as Record<string, string>;
}

function object(value: unknown, pointer: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fail("must be a JSON object", pointer);
  }
  return value as Record<string, unknown>;
}

function fail(why: string, pointer: string): never {
  throw new ManifestInvalid(`manifest${pointer && ` at ${pointer}`}: ${why}`, { pointer });
}
