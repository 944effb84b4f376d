/**
 * The places in a package definition that name a file: assets, icons, screenshots, CLI binaries.
 *
 * One walk serves all that fetch, check or rewrite them, so no place can be forgotten by one of them.
 * The order is that of the document, and the order in which `build` fetches.
 */
import { pointerStep } from "./json-pointer.ts";
import type {
  CliBinary,
  CliPlatform,
  PackageDefinition,
  PackageImages,
  PackageResource,
} from "./package-definition.ts";

export interface FileReference {
  readonly kind: "asset" | "icon" | "screenshot" | "cli";
  /** Asset key, `icon-small`, position of the screenshot, or platform. */
  readonly key: string;
  /** JSON pointer into the definition. */
  readonly pointer: string;
  /** What stands there: URL, relative path, or path inside the package. */
  readonly url: string;
  /** CLI only. */
  readonly binary?: CliBinary;
}

const iconKeys = ["icon-small", "icon-medium", "icon-large"] as const;
const platforms = ["darwin", "linux", "windows"] as const satisfies readonly CliPlatform[];

export function fileReferences(definition: PackageDefinition): FileReference[] {
  const found: FileReference[] = [];
  replaceFiles(definition, (reference) => {
    found.push(reference);
    return reference.url;
  });
  return found;
}

/** The same definition with every file's URL replaced; everything else is left alone. */
export function replaceFiles(
  definition: PackageDefinition,
  replace: (reference: FileReference) => string,
): PackageDefinition {
  const { resource } = definition;
  if (resource === undefined) return definition;
  const { assets, images, cli } = resource;
  const replaced: PackageResource = {
    ...resource,
    ...(assets && { assets: replaceAssets(assets, replace) }),
    ...(images && { images: replaceImages(images, replace) }),
    ...(cli && { cli: { ...cli, binaries: replaceBinaries(cli.binaries, replace) } }),
  };
  return { ...definition, resource: replaced };
}

type Replace = (reference: FileReference) => string;

function replaceAssets(
  assets: NonNullable<PackageResource["assets"]>,
  replace: Replace,
): NonNullable<PackageResource["assets"]> {
  if (assets.uris === undefined) return assets;
  const uris = Object.entries(assets.uris).map(([key, url]) => {
    const pointer = `/resource/assets/uris${pointerStep(key)}`;
    return [key, replace({ kind: "asset", key, pointer, url })] as const;
  });
  return { ...assets, uris: Object.fromEntries(uris) };
}

function replaceImages(images: PackageImages, replace: Replace): PackageImages {
  const icons = iconKeys.flatMap((key) => {
    const url = images[key];
    if (url === undefined) return [];
    const pointer = `/resource/images/${key}`;
    return [[key, replace({ kind: "icon", key, pointer, url })] as const];
  });
  const screenshots = images.screenshots?.map((url, position) => {
    const pointer = `/resource/images/screenshots/${position}`;
    return replace({ kind: "screenshot", key: String(position), pointer, url });
  });
  return { ...images, ...Object.fromEntries(icons), ...(screenshots && { screenshots }) };
}

type Binaries = NonNullable<PackageResource["cli"]>["binaries"];

function replaceBinaries(binaries: Binaries, replace: Replace): Binaries {
  const replaced = platforms.flatMap((key) => {
    const binary = binaries[key]?.["x86-64"];
    if (binary === undefined) return [];
    const pointer = `/resource/cli/binaries/${key}/x86-64/url`;
    const url = replace({ kind: "cli", key, pointer, url: binary.url, binary });
    return [[key, { ...binaries[key], "x86-64": { ...binary, url } }] as const];
  });
  return { ...binaries, ...Object.fromEntries(replaced) };
}

/** The docker images of a definition, in its order, each string once. */
export function imageReferences(definition: PackageDefinition): string[] {
  return [...new Set(Object.values(definition.resource?.assets?.container?.docker ?? {}))];
}

/** Where an image stands in the definition: the first key that names it. */
export function imagePointer(definition: PackageDefinition, text: string): string {
  const images = Object.entries(definition.resource?.assets?.container?.docker ?? {});
  const key = images.find(([, reference]) => reference === text)?.[0];
  const all = "/resource/assets/container/docker";
  return key === undefined ? all : all + pointerStep(key);
}
