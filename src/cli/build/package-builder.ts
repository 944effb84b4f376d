/**
 * Turns a build definition into a bundle: fetches files and images, pins them, writes the file.
 *
 * Nothing is written before everything is here and a registry would accept it. Equal input gives equal
 * bytes: what is fetched in parallel is put together in order.
 */
import type { Digest } from "../../oci/digest.ts";
import { planBundle } from "../../packages/bundle-plan.ts";
import { type OpenBlob, writeBundle } from "../../packages/bundle-writer.ts";
import { fileReferences, imageReferences, replaceFiles } from "../../packages/definition-files.ts";
import type { PackageImage } from "../../packages/package-content.ts";
import type { PackageDefinition } from "../../packages/package-definition.ts";
import { createPackageRoot, type PackageRoot } from "../../packages/package-root.ts";
import { readPackageContent } from "../../packages/read-package-content.ts";
import type { RemoteImage } from "../images/image-source.ts";
import type { BuildReport, BuildRequest } from "./build-request.ts";
import { BuildRun } from "./build-run.ts";
import type { FetchedFile } from "./file-fetcher.ts";

/**
 * @param target absolute; must not exist
 * @throws {BuildFailed} when something cannot be fetched
 * @throws {BundleExists}
 */
export async function buildPackage(
  request: BuildRequest,
  target: string,
  report: BuildReport,
): Promise<void> {
  const { kept, definition, files, cache, concurrency, signal } = request;
  const wanted = fileReferences(definition).filter(({ pointer }) => !kept.has(pointer));
  const run = new BuildRun(request, report);
  const assets = await run.fetchFiles(wanted.filter(({ kind }) => kind === "asset"));
  const images = await run.fetchImages(imageReferences(definition));
  const others = await run.fetchFiles(wanted.filter(({ kind }) => kind !== "asset"));
  run.settle();
  const { root, documents } = assemble(definition, [...assets, ...others], images);
  await expectAcceptable(root, documents);
  const openBlob: OpenBlob = (digest) => files.read(digest) ?? cache.read(digest);
  await writeBundle(target, planBundle(root, documents), openBlob, { concurrency, signal });
}

/** What a registry would refuse is not written at all. */
async function expectAcceptable(
  root: Digest,
  documents: ReadonlyMap<Digest, Buffer>,
): Promise<void> {
  await readPackageContent(root, async (digest) => {
    const bytes = documents.get(digest);
    if (bytes === undefined) throw new TypeError(`document ${digest} is missing`);
    return bytes;
  });
}

function assemble(
  definition: PackageDefinition,
  files: readonly FetchedFile[],
  images: readonly RemoteImage[],
): PackageRoot {
  const paths = new Map(files.map(({ reference, asset }) => [reference.pointer, asset.path]));
  const assets = new Map(files.toReversed().map(({ asset }) => [asset.path, asset]));
  const created = createPackageRoot({
    definition: replaceFiles(definition, ({ pointer, url }) => paths.get(pointer) ?? url),
    assets: [...new Set(paths.values())].flatMap((path) => assets.get(path) ?? []),
    images: packageImages(images),
  });
  const documents = new Map(created.documents);
  for (const image of images) {
    for (const [digest, bytes] of image.documents) documents.set(digest, bytes);
  }
  return { root: created.root, documents };
}

/** Two spellings of one reference are one image. */
function packageImages(images: readonly RemoteImage[]): PackageImage[] {
  const byReference = new Map(images.map((image) => [image.reference, image]));
  return [...byReference.values()].map(({ reference, descriptor }) => ({ reference, descriptor }));
}
