/**
 * The Node that runs this very program, with the shared libraries it has loaded: all that an image
 * made from nothing needs beside the product. Linux only.
 */
import { realpathSync } from "node:fs";
import { type TreeEntry, textFile } from "./file-tree.ts";

/** The user that the image runs as; has no rights anywhere but in the data directory. */
export const imageUser = 65534;

export const nodePath = "usr/bin/node";

/** @throws {TypeError} where the system does not tell what a process has loaded */
export function runtimeFiles(): TreeEntry[] {
  return [
    { kind: "file", path: nodePath, source: realpathSync(process.execPath), mode: 0o755 },
    ...sharedObjects().map(
      (name): TreeEntry => ({
        kind: "file",
        path: name.slice(1),
        source: realpathSync(name),
        mode: 0o755,
      }),
    ),
    textFile("etc/passwd", `root:x:0:0::/:\nnobody:x:${imageUser}:${imageUser}::/:\n`),
    textFile("etc/group", `root:x:0:\nnogroup:x:${imageUser}:\n`),
    // Names of /etc/hosts come first, as everywhere.
    textFile("etc/nsswitch.conf", "hosts: files dns\n"),
    { kind: "directory", path: "tmp", mode: 0o1777 },
  ];
}

/** Absolute names of the libraries and of the loader, as programs ask for them. */
export function sharedObjects(): string[] {
  const report = process.report.getReport() as { sharedObjects?: readonly string[] };
  const loaded = (report.sharedObjects ?? []).filter((name) => /^\/.*\.so(?:\.|$)/.test(name));
  if (process.platform !== "linux" || loaded.length === 0) {
    throw new TypeError("an image can be made on Linux only: it takes the Node that is running");
  }
  return [...new Set(loaded)].sort();
}
