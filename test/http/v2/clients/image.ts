/** The images that the clients of these sequences push and pull, and the steps they have in common. */
import { mediaType } from "../../../../src/oci/media-type.ts";
import {
  bytesOf,
  configBytes,
  type Described,
  describe,
  digestOf,
  imageIndex,
  imageManifest,
  layerBytes,
  type Pushable,
  pushable,
} from "../content.ts";
import type { Expectation } from "../script.ts";
import type { WireStep } from "../wire.ts";

export interface ClientSequence {
  /** Who asks like this, and what it does, as a sentence. */
  readonly title: string;
  readonly steps: readonly WireStep[];
}

/** Larger than what a record holds itself, and than one chunk of any client. */
export const largeLayer = bytesOf("a layer of a hundred thousand bytes ", 100_000);

export const config = describe(mediaType.ociConfig, configBytes);
export const smallLayer = describe(mediaType.ociLayerGzip, layerBytes);
export const layer = describe(mediaType.ociLayerGzip, largeLayer);

const layers = [smallLayer, layer];

/** As clients of today push it. */
export const ociImage: Pushable = imageManifest({ layers });

/** The same image as docker pushes it: three blanks deep, and the bytes that its twin must have. */
const dockerBytes = Buffer.from(
  JSON.stringify(
    {
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: asDocker(config, mediaType.dockerConfig),
      layers: layers.map((each) => asDocker(each, mediaType.dockerLayerGzip)),
    },
    undefined,
    3,
  ),
);

export const dockerImage: Pushable = {
  type: mediaType.dockerManifest,
  bytes: dockerBytes,
  digest: digestOf(dockerBytes),
  descriptor: describe(mediaType.dockerManifest, dockerBytes),
};

export const multiPlatform: Pushable = imageIndex([
  { ...ociImage.descriptor, platform: { os: "linux", architecture: "amd64" } },
]);

export const dockerList: Pushable = pushable(mediaType.dockerList, {
  schemaVersion: 2,
  mediaType: mediaType.dockerList,
  manifests: [
    { ...dockerImage.descriptor, platform: { os: "linux", architecture: "amd64", variant: "" } },
  ],
});

export const contents: ReadonlyMap<string, Buffer> = new Map([
  [config.digest, configBytes],
  [smallLayer.digest, layerBytes],
  [layer.digest, largeLayer],
]);

function asDocker({ size, digest }: Described, type: string): object {
  return { mediaType: type, size, digest };
}

/** Bytes of a blob of these images. */
export function contentOf(digest: string): Buffer {
  const bytes = contents.get(digest);
  if (!bytes) throw new Error(`no such content: ${digest}`);
  return bytes;
}

/** A manifest as every client needs it: its own type without parameters, its digest, its length. */
export function given({ type, bytes, digest }: Pushable, isHead = false): Expectation {
  return {
    status: 200,
    ...(!isHead && { body: bytes }),
    headers: {
      "content-type": type,
      "content-length": String(bytes.byteLength),
      "content-encoding": null,
      "docker-content-digest": digest,
    },
  };
}

/** A blob, never compressed on its way whatever the client says it can read. */
export function blobGiven(digest: string, isHead = false): Expectation {
  const bytes = contentOf(digest);
  return {
    status: 200,
    ...(!isHead && { body: bytes }),
    headers: {
      "content-length": String(bytes.byteLength),
      "content-encoding": null,
      "docker-content-digest": digest,
    },
  };
}

export const absent: Expectation = { status: 404, headers: { "content-length": /^[1-9]/ } };

/** Upload sessions answer with a path that clients follow verbatim. */
export function accepted(bytes: number): Expectation {
  return {
    status: 202,
    headers: {
      location: /^\/v2\/.+\/blobs\/uploads\/[^/?]+$/,
      range: `0-${Math.max(bytes - 1, 0)}`,
      "docker-upload-uuid": /./,
      "content-length": "0",
    },
  };
}

/** @param name repository, in placeholders */
export function blobCreated(name: string, digest: string): Expectation {
  return {
    status: 201,
    headers: {
      location: `/v2/${name}/blobs/${digest}`,
      "docker-content-digest": digest,
      "content-length": "0",
    },
  };
}

export function manifestCreated(name: string, { digest }: Pushable): Expectation {
  return {
    status: 201,
    headers: { location: `/v2/${name}/manifests/${digest}`, "docker-content-digest": digest },
  };
}

export const keepLocation = { header: "location", as: "location" } as const;
