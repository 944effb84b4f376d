/** Platforms as users write them, `os/architecture[/variant]`, and as indexes list them. */
import type { Descriptor, Platform } from "../../oci/descriptor.ts";
import { type ImageIndex, selectPlatform } from "../../oci/manifest.ts";
import { UsageError } from "../cli-error.ts";

/** @throws {UsageError} */
export function parsePlatform(text: string): Platform {
  const [, os, architecture, variant] =
    /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text) ?? [];
  if (os === undefined || architecture === undefined) {
    throw new UsageError(`"${text}" is not a platform: write linux/amd64, or linux/arm/v7`);
  }
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant ? `/${variant}` : ""}`;
}

/** The child for `wanted`; `arm64` and `arm64/v8` are the same machine. */
export function findPlatform(index: ImageIndex, wanted: Platform): Descriptor | undefined {
  const exact = selectPlatform(index, wanted);
  if (exact || wanted.architecture !== "arm64" || wanted.variant !== "v8") return exact;
  const { os, architecture } = wanted;
  const plain = index.manifests.filter(({ platform }) => platform?.variant === undefined);
  return selectPlatform({ ...index, manifests: plain }, { os, architecture });
}

/** What an index offers, for people; attestations are no platform. */
export function listPlatforms(index: ImageIndex): string[] {
  const named = index.manifests.flatMap(({ platform }) =>
    platform && platform.os !== "unknown" ? [formatPlatform(platform)] : [],
  );
  return [...new Set(named)];
}
