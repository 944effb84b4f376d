/** Protects the dependency direction of CONTRIBUTING.md: inner rooms never import outer ones. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";

const source = path.resolve(import.meta.dirname, "../../src");

/** Room → rooms, or files of src/, that it may import. A file directly in src/ may import all. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  oci: [],
  network: [],
  storage: ["oci", "network"],
  registry: ["oci", "storage"],
  packages: ["oci"],
  catalog: ["oci", "storage", "registry", "packages"],
  identity: ["oci", "storage"],
  tls: ["oci", "storage"],
  cluster: ["oci", "storage"],
  cosmos: [],
  config: ["oci", "cluster"],
  http: ["oci", "storage", "registry", "packages", "catalog", "identity", "tls", "cluster"],
  server: [
    "config.ts",
    "network",
    "storage",
    "registry",
    "catalog",
    "identity",
    "tls",
    "cluster",
    "http",
  ],
  cli: ["oci", "network", "packages", "cluster", "cosmos"],
  release: ["oci", "packages"],
};

/** Packages that only the named rooms know. */
const owners: Readonly<Record<string, readonly string[]>> = {
  express: ["http"],
  "node-forge": ["tls"],
  "tar-stream": [],
  commander: ["cli"],
  "@aws-sdk/client-s3": ["storage"],
};

async function imports(): Promise<{ file: string; room: string; target: string }[]> {
  const names = (await readdir(source, { recursive: true })).filter((name) => name.endsWith(".ts"));
  const found = await Promise.all(
    names.map(async (file) => {
      const text = await readFile(path.join(source, file), "utf8");
      const targets = [...text.matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)].map(
        (match) => match[1] ?? "",
      );
      const room = file.includes(path.sep) ? (file.split(path.sep)[0] ?? "") : "";
      return targets.map((target) => ({ file, room, target }));
    }),
  );
  return found.flat();
}

describe("architecture", () => {
  it("lets rooms import only the rooms below them", async () => {
    const wrong = (await imports()).filter(({ file, room, target }) => {
      if (room === "" || !target.startsWith(".")) return false;
      const other = path
        .relative(source, path.resolve(source, path.dirname(file), target))
        .split(path.sep);
      return other[0] !== room && !allowed[room]?.includes(other[0] ?? "");
    });
    assert.deepEqual(wrong, []);
  });

  it("knows every room", async () => {
    const rooms = new Set((await imports()).map(({ room }) => room));
    rooms.delete("");
    assert.deepEqual(
      [...rooms].filter((room) => !(room in allowed)),
      [],
    );
  });

  it("keeps each platform behind the room that owns it", async () => {
    const wrong = (await imports()).filter(
      ({ room, target }) => target in owners && room !== "" && !owners[target]?.includes(room),
    );
    assert.deepEqual(wrong, []);
  });
});
