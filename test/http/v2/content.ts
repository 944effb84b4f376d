/** Blobs and manifests for scripts, and the steps that bring them into a repository. */
import { createHash } from "node:crypto";
import { mediaType } from "../../../src/oci/media-type.ts";
import type { Step } from "./script.ts";

export type Algorithm = "sha256" | "sha512";

export interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [field: string]: unknown;
}

export function digestOf(bytes: Buffer | string, algorithm: Algorithm = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

export function describe(type: string, bytes: Buffer, algorithm: Algorithm = "sha256"): Described {
  return { mediaType: type, digest: digestOf(bytes, algorithm), size: bytes.byteLength };
}

export function json(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document));
}

/** In one request after the POST. */
export function pushBlob(
  bytes: Buffer,
  { algorithm = "sha256", name = "{name}" }: { algorithm?: Algorithm; name?: string } = {},
): Step[] {
  return [
    { ask: `POST /v2/${name}/blobs/uploads/`, expect: { status: 202 } },
    {
      ask: "PUT {location}",
      query: { digest: digestOf(bytes, algorithm) },
      headers: { "Content-Type": "application/octet-stream" },
      body: bytes,
      expect: { status: 201 },
    },
  ];
}

export interface Pushable {
  readonly type: string;
  readonly bytes: Buffer;
  readonly digest: string;
  readonly descriptor: Described;
}

export function pushable(type: string, document: unknown): Pushable {
  const bytes = json(document);
  const descriptor = describe(type, bytes);
  return { type, bytes, digest: descriptor.digest, descriptor };
}

export function pushManifest({ type, bytes, digest }: Pushable, reference: string = digest): Step {
  return {
    ask: `PUT /v2/{name}/manifests/${reference}`,
    headers: { "Content-Type": type },
    body: bytes,
    expect: { status: 201, headers: { "docker-content-digest": digest } },
  };
}

export const configBytes = json({ architecture: "amd64", os: "linux", rootfs: { type: "layers" } });
export const layerBytes = Buffer.from("not really a layer, but nobody unpacks it here");

export const config = describe(mediaType.ociConfig, configBytes);
export const layer = describe(mediaType.ociLayerGzip, layerBytes);

/** What the manifests below need. */
export const pushParts: readonly Step[] = [...pushBlob(configBytes), ...pushBlob(layerBytes)];

/** @param more fields that are added, or replace others */
export function imageManifest(more: Readonly<Record<string, unknown>> = {}): Pushable {
  const document = { schemaVersion: 2, mediaType: mediaType.ociManifest, config, layers: [layer] };
  return pushable(mediaType.ociManifest, { ...document, ...more });
}

export function imageIndex(
  manifests: readonly Described[],
  more: Readonly<Record<string, unknown>> = {},
): Pushable {
  const document = { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests };
  return pushable(mediaType.ociIndex, { ...document, ...more });
}

/** The artifact that has nothing but a type, and the two bytes it needs. */
export const emptyBytes = Buffer.from("{}");
export const empty = describe(mediaType.ociEmpty, emptyBytes);

export function artifact(
  artifactType: string,
  more: Readonly<Record<string, unknown>> = {},
): Pushable {
  return imageManifest({ artifactType, config: empty, layers: [empty], ...more });
}

/** Content that differs from script to script. */
export function bytesOf(text: string, length = text.length): Buffer {
  return Buffer.alloc(length, text);
}
