/** Media types of manifests and their parts: OCI image-spec 1.1 and Docker image manifest schema 2. */
export const mediaType = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  ociEmpty: "application/vnd.oci.empty.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  dockerSchema1: "application/vnd.docker.distribution.manifest.v1+json",
  dockerSchema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
  /** `artifactType` of a package root index (ours, see CONTRIBUTING.md "The bundle"). */
  dcosPackage: "application/vnd.dcos.package.v1",
  /** `artifactType` of the manifest that holds a package's documents and assets. */
  dcosPackageMetadata: "application/vnd.dcos.package.metadata.v1+json",
  octetStream: "application/octet-stream",
} as const;

/** The media type without parameters, in lower case: `Application/Json; charset=x` → `application/json`. */
export function essence(contentType: string): string {
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

export function isIndexType(type: string): boolean {
  return type === mediaType.ociIndex || type === mediaType.dockerList;
}

export function isManifestType(type: string): boolean {
  return type === mediaType.ociManifest || type === mediaType.dockerManifest || isIndexType(type);
}

/** Layers that may be absent: their licence forbids distribution, clients fetch them from `urls`. */
export function isNonDistributable(type: string): boolean {
  return type === mediaType.dockerForeignLayer || type.includes(".nondistributable.");
}
