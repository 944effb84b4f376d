/** The image of the product: its layers, its name, and how it is started. */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import type { Descriptor } from "../oci/descriptor.ts";
import { completeTree, writeTree } from "./file-tree.ts";
import { writeImageArchive } from "./image-archive.ts";
import { clientEntry, dataDirectory, imageFiles, readProduct, serverEntry } from "./image-files.ts";
import { writeLayer } from "./image-layer.ts";
import { imageUser, nodePath } from "./runtime-files.ts";

/** `dcos/package-registry:<version>`, as deploy/resource.json has it. */
export async function imageReference(project: string): Promise<string> {
  return `dcos/package-registry:${(await readProduct(project)).version}`;
}

/** @param target the archive; replaced when it is there */
export async function writeProductImage(
  project: string,
  target: string,
  signal: AbortSignal,
): Promise<Descriptor> {
  const scratch = await mkdtemp(`${target}-`);
  try {
    const layers = [];
    for (const { title, entries } of await imageFiles(project)) {
      const file = path.join(scratch, String(layers.length));
      layers.push(await writeLayer(title, completeTree(entries), file));
    }
    await rm(target, { force: true });
    const settings = {
      reference: await imageReference(project),
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      run: await runSettings(project),
    };
    return await writeImageArchive(target, settings, layers, signal);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Repeated by deploy/Dockerfile. */
export async function runSettings(project: string): Promise<Record<string, unknown>> {
  const { name, version, description, license } = await readProduct(project);
  return {
    User: `${imageUser}:${imageUser}`,
    Env: ["PATH=/usr/bin:/bin", "HOME=/tmp", "NODE_ENV=production"],
    Entrypoint: [`/${nodePath}`, serverEntry],
    WorkingDir: `/${dataDirectory}`,
    Volumes: { [`/${dataDirectory}`]: {} },
    ExposedPorts: { "8443/tcp": {}, "9090/tcp": {} },
    StopSignal: "SIGTERM",
    Labels: {
      "org.opencontainers.image.title": name,
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.description": description,
      "org.opencontainers.image.licenses": license,
      "vnd.dcos.command-line": clientEntry,
    },
  };
}

/** The same files in a directory, from which a Dockerfile makes the same image. Owners need root. */
export async function writeRootDirectory(project: string, directory: string): Promise<void> {
  const layers = await imageFiles(project);
  await writeTree(completeTree(layers.flatMap(({ entries }) => entries)), directory);
}
