/**
 * The command line as a plugin of the DC/OS CLI: one zip for each platform.
 *
 *     plugin.toml             what `dcos` reads
 *     bin/dcos-registry[.cmd] starts it
 *     lib/dist, node_modules  the program
 *     lib/node[.exe]          the Node to run it with, when one was given; else that of the machine
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { filesBelow, type TreeEntry } from "./file-tree.ts";
import { isRuntimeFile, productionPackages } from "./production-packages.ts";
import { makeZip, type ZipFile } from "./zip-archive.ts";

export const platforms = ["darwin", "linux", "windows"] as const;
export type Platform = (typeof platforms)[number];

/**
 * @param project the directory of package.json, built
 * @param node    file of a Node for that platform
 */
export async function makeCliArchive(
  project: string,
  platform: Platform,
  node: string | undefined,
): Promise<Buffer> {
  const windows = platform === "windows";
  const launcher = windows ? "bin/dcos-registry.cmd" : "bin/dcos-registry";
  const files = await programFiles(project);
  return makeZip(
    [
      { path: "plugin.toml", content: manifest(launcher) },
      { path: launcher, content: windows ? windowsLauncher : unixLauncher, mode: 0o755 },
      ...files,
      ...(node === undefined
        ? []
        : [
            {
              path: windows ? "lib/node.exe" : "lib/node",
              content: await readFile(node),
              mode: 0o755,
            },
          ]),
    ],
    "deflated",
  );
}

async function programFiles(project: string): Promise<ZipFile[]> {
  const folders = ["dist/src", ...(await productionPackages(project)).map((one) => one.directory)];
  const trees = await Promise.all(
    folders.map((folder) => filesBelow(path.join(project, folder), `lib/${folder}`, isRuntimeFile)),
  );
  const single = ["package.json", "LICENSE"].map(
    (name): TreeEntry => ({ kind: "file", path: `lib/${name}`, source: path.join(project, name) }),
  );
  const files = [...single, ...trees.flat()].flatMap((entry) =>
    entry.kind === "file" && typeof entry.source === "string"
      ? [{ path: entry.path, source: entry.source }]
      : [],
  );
  files.sort((one, other) => (one.path < other.path ? -1 : 1));
  return Promise.all(
    files.map(async ({ path: name, source }) => ({ path: name, content: await readFile(source) })),
  );
}

function manifest(launcher: string): string {
  return `schema_version = 1
name = "registry"

[[commands]]
name = "registry"
path = "${launcher}"
description = "Manage the packages of the DC/OS Package Registry"
`;
}

const unixLauncher = `#!/bin/sh
# Starts the command line with the Node beside it, else with the one of this machine.
lib=$(cd "$(dirname "$0")/../lib" && pwd) || exit 1
node=$lib/node
if [ ! -x "$node" ]; then node=node; fi
if ! command -v "$node" >/dev/null; then
  echo "Error: dcos registry needs Node.js 20.18 or later on this machine" >&2
  exit 1
fi
exec "$node" "$lib/dist/src/cli.js" "$@"
`;

const windowsLauncher = [
  "@echo off",
  'if exist "%~dp0..\\lib\\node.exe" (',
  '  "%~dp0..\\lib\\node.exe" "%~dp0..\\lib\\dist\\src\\cli.js" %*',
  ") else (",
  '  node "%~dp0..\\lib\\dist\\src\\cli.js" %*',
  ")",
  "",
].join("\r\n");
