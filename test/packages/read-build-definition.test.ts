/** Protects what `build` may be given: inline definitions, references to files, repository objects. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";
import { readBuildDefinition } from "../../src/packages/read-build-definition.ts";
import {
  config,
  definition,
  directory,
  findingsOf,
  json,
  printed,
  resource,
  template,
} from "./definition-fixture.ts";

const references = {
  resource: "@parts/resource.json",
  config: "@parts/config.json",
  marathon: { v2AppMustacheTemplate: "@parts/app.mustache" },
};
const parts = {
  "parts/resource.json": json(resource),
  "parts/config.json": json(config),
  "parts/app.mustache": template,
};

describe("readBuildDefinition", () => {
  it("reads a definition that has everything inline", async (test) => {
    const root = await directory(test, { "demo.json": json(definition()) });
    const { place, ...read } = await readBuildDefinition("demo.json", root);
    assert.deepEqual(read, { definition: definition(), baseDirectory: root, findings: [] });
    assert.equal(place("/name").line, 3);
  });

  it("tells where a value stands, in the referenced file when it comes from there", async (test) => {
    const root = await directory(test, { "demo.json": json(definition(references)), ...parts });
    const { place } = await readBuildDefinition("demo.json", root);
    const inFile = place("/resource/assets/uris");
    assert.equal(inFile.file, "parts/resource.json");
    assert.equal(inFile.pointer, "/assets/uris");
    assert.ok((inFile.line ?? 0) > 1);
    assert.equal(place("/version").file, "demo.json");
  });

  it("resolves references against the directory of the definition, not the current one", async (test) => {
    const files = { "sub/demo.json": json(definition(references)), "sub/parts/resource.json": "" };
    for (const [name, content] of Object.entries(parts))
      Object.assign(files, { [`sub/${name}`]: content });
    const root = await directory(test, files);
    const read = await readBuildDefinition("sub/demo.json", root);
    assert.deepEqual(read.definition, definition());
    assert.equal(read.baseDirectory, path.join(root, "sub"));
  });

  it("names the referenced file in findings about its content", async (test) => {
    const broken = {
      ...parts,
      "parts/config.json": '{"properties": {"a": 1}}',
      "parts/resource.json": "[]",
    };
    const root = await directory(test, { "demo.json": json(definition(references)), ...broken });
    const lines = await printed(() => readBuildDefinition("demo.json", root));
    assert.match(
      lines[1] ?? "",
      /^parts\/config\.json:1:17: error E120: .* \[at \/properties\/a\]$/,
    );
    assert.equal(
      lines.at(-1),
      "parts/resource.json:1:1: error E105: expected a JSON object, found an array",
    );
  });

  it("refuses references to what is no regular file", async (test) => {
    const root = await directory(test, {
      "demo.json": json(
        definition({ ...references, config: "@missing.json", resource: "@folder" }),
      ),
      ...parts,
    });
    await mkdir(path.join(root, "folder"));
    const found = await findingsOf(() => readBuildDefinition("demo.json", root));
    assert.deepEqual(
      found.map(({ code, message, pointer }) => [code, message, pointer]),
      [
        ["E140", "resource: a directory, not a file: folder", "/resource"],
        ["E140", "config: no such file: missing.json", "/config"],
      ],
    );
  });

  it("refuses a missing definition and a directory in its place", async (test) => {
    const root = await directory(test, {});
    assert.deepEqual(await printed(() => readBuildDefinition("none.json", root)), [
      "none.json: error E101: no such file",
    ]);
    assert.deepEqual(await printed(() => readBuildDefinition(".", root)), [
      ".: error E101: a directory, not a file",
    ]);
  });

  it("refuses the two fields of a repository entry that a definition never has", async (test) => {
    const entry = definition({ releaseVersion: 3, selected: true });
    const root = await directory(test, { "demo.json": json(entry) });
    const found = await findingsOf(() => readBuildDefinition("demo.json", root));
    assert.deepEqual(
      found.map(({ code, hint }) => [code, hint]),
      [
        ["E114", '"releaseVersion" belongs to entries of a repository: delete it'],
        ["E114", '"selected" belongs to entries of a repository: delete it'],
      ],
    );
  });
});
