/**
 * The Catalog package of the product, ready for `migrate` and `build`: the files of deploy/ with the
 * command line's archives beside them, whose hashes only a build knows.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { makeCliArchive, type Platform, platforms } from "./cli-archive.ts";

const copied = ["package.json", "config.json", "marathon.json.mustache", "icon.svg"];

/** @param nodes files of Node, by platform; a platform without one needs Node on the user's machine */
export async function writeCatalogPackage(
  project: string,
  directory: string,
  nodes: Readonly<Partial<Record<Platform, string>>>,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const source = path.join(project, "deploy");
  for (const name of copied) await copyFile(path.join(source, name), path.join(directory, name));
  const binaries: Record<string, object> = {};
  for (const platform of platforms) {
    const archive = await makeCliArchive(project, platform, nodes[platform]);
    const name = `dcos-registry-${platform}.zip`;
    await writeFile(path.join(directory, name), archive);
    const value = createHash("sha256").update(archive).digest("hex");
    binaries[platform] = {
      "x86-64": { contentHash: [{ algo: "sha256", value }], kind: "zip", url: name },
    };
  }
  const resource = JSON.parse(await readFile(path.join(source, "resource.json"), "utf8"));
  const text = JSON.stringify({ ...resource, cli: { binaries } }, null, 2);
  await writeFile(path.join(directory, "resource.json"), `${text}\n`);
}
