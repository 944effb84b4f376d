/**
 * The whole file system of the product's image, in three layers that change ever more often.
 *
 *     usr/bin/node, lib…            the Node that runs this program, and its libraries
 *     opt/dcos-registry/node_modules
 *     opt/dcos-registry/dist        the product
 *     bin/sh                        the server itself: it knows one command, its health check
 *     var/lib/dcos-registry         the data, the only place that the image's user may write to
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { billOfMaterials, type Product } from "./bill-of-materials.ts";
import { filesBelow, type TreeEntry, textFile } from "./file-tree.ts";
import { isRuntimeFile, productionPackages } from "./production-packages.ts";
import { imageUser, nodePath, runtimeFiles, sharedObjects } from "./runtime-files.ts";

const home = "opt/dcos-registry";
export const dataDirectory = "var/lib/dcos-registry";
export const serverEntry = `/${home}/dist/src/main.js`;
export const clientEntry = `/${home}/dist/src/cli.js`;

export interface LayerFiles {
  readonly title: string;
  readonly entries: readonly TreeEntry[];
}

/** @param project the directory of package.json, built (`npm run build`) */
export async function imageFiles(project: string): Promise<LayerFiles[]> {
  const packages = await productionPackages(project);
  const dependencies = await Promise.all(
    packages.map(({ directory }) =>
      filesBelow(path.join(project, directory), `${home}/${directory}`, isRuntimeFile),
    ),
  );
  const product = await readProduct(project);
  const sbom = billOfMaterials(product, packages, sharedObjects());
  return [
    { title: "Node and its libraries", entries: runtimeFiles() },
    { title: "dependencies", entries: dependencies.flat() },
    {
      title: `${product.name} ${product.version}`,
      entries: [
        ...(await filesBelow(path.join(project, "dist/src"), `${home}/dist/src`, isRuntimeFile)),
        { kind: "file", path: `${home}/package.json`, source: path.join(project, "package.json") },
        { kind: "file", path: `${home}/LICENSE`, source: path.join(project, "LICENSE") },
        textFile(`${home}/sbom.cdx.json`, sbom),
        // DC/OS starts command health checks through a shell, and an image like this has none.
        textFile("bin/sh", `#!/${nodePath} ${serverEntry}\n`, 0o755),
        { kind: "directory", path: dataDirectory, owner: imageUser },
      ],
    },
  ];
}

export async function readProduct(project: string): Promise<Product & { description: string }> {
  const text = await readFile(path.join(project, "package.json"), "utf8");
  return JSON.parse(text) as Product & { description: string };
}
