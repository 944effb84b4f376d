/** OCI content descriptors: what a manifest says of each thing it names (image-spec 1.1, descriptor.md). */
import { type Digest, digestOf } from "./digest.ts";
import { mediaType } from "./media-type.ts";

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly "os.version"?: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly platform?: Platform;
  /** Base64 of the whole content, which may then be absent from a store. */
  readonly data?: string;
  readonly urls?: readonly string[];
}

/** Annotation keys of image-spec 1.1, of containerd, and our own. */
export const annotation = {
  refName: "org.opencontainers.image.ref.name",
  containerdImageName: "io.containerd.image.name",
  title: "org.opencontainers.image.title",
  version: "org.opencontainers.image.version",
  created: "org.opencontainers.image.created",
  vendor: "org.opencontainers.image.vendor",
  licenses: "org.opencontainers.image.licenses",
  /** On an image's descriptor in a package root index: its full normalised reference. */
  dcosImageReference: "vnd.dcos.image.reference",
  /** On an asset's layer: the URL or path the build fetched it from. */
  dcosSourceUrl: "vnd.dcos.asset.source",
} as const;

/** The config of artifacts that have none: two bytes, `{}`. */
export const emptyDescriptor: Descriptor = {
  mediaType: mediaType.ociEmpty,
  digest: digestOf("{}"),
  size: 2,
  data: "e30=",
};

export function describeBytes(
  type: string,
  bytes: Uint8Array,
  annotations?: Readonly<Record<string, string>>,
): Descriptor {
  const descriptor = { mediaType: type, digest: digestOf(bytes), size: bytes.byteLength };
  return annotations ? { ...descriptor, annotations } : descriptor;
}
