/**
 * Entry of the release tool: makes the product's image and its Catalog package out of a built tree.
 *
 *     node dist/src/release.js image   [--output-directory DIR]
 *     node dist/src/release.js package [--output-directory DIR] [--node-linux FILE] [--node-darwin …]
 *     node dist/src/release.js root     --output-directory DIR
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { writeCatalogPackage } from "./release/catalog-package.ts";
import { platforms } from "./release/cli-archive.ts";
import { writeProductImage, writeRootDirectory } from "./release/product-image.ts";

const project = path.resolve(import.meta.dirname, "../..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "output-directory": { type: "string", default: path.join(project, "dist/release") },
    "node-linux": { type: "string", default: process.platform === "linux" ? process.execPath : "" },
    "node-darwin": { type: "string", default: "" },
    "node-windows": { type: "string", default: "" },
  },
});
const directory = path.resolve(values["output-directory"]);
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());

const commands = {
  async image() {
    const target = path.join(directory, "image.tar");
    const { digest } = await writeProductImage(project, target, interrupted.signal);
    return `Created image ${digest} in ${target}`;
  },
  async package() {
    const nodes = platforms
      .map((platform) => [platform, values[`node-${platform}`]] as const)
      .filter(([, file]) => file !== "");
    await writeCatalogPackage(project, directory, Object.fromEntries(nodes));
    return `Created Catalog package in ${directory}`;
  },
  async root() {
    await writeRootDirectory(project, directory);
    return `Created the image's files in ${directory}`;
  },
};

await mkdir(directory, { recursive: true });
const [wanted = ""] = positionals;
if (wanted === "image" || wanted === "package" || wanted === "root") {
  process.stdout.write(`${await commands[wanted]()}\n`);
} else {
  process.stderr.write("Usage: release image|package|root [--output-directory DIR]\n");
  process.exitCode = 2;
}
