/** Protects the context an app is rendered in, and where findings about the result point to. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { JsonObject, PackageDefinition } from "../../src/packages/package-definition.ts";
import { parseMetadata } from "../../src/packages/parse-metadata.ts";
import { readBuildDefinition } from "../../src/packages/read-build-definition.ts";
import { renderMarathon } from "../../src/packages/render-marathon.ts";
import { base64, definition, directory, json, printed } from "./definition-fixture.ts";

function parsed(change: JsonObject = {}): PackageDefinition {
  return parseMetadata(json(definition(change)));
}

function withTemplate(text: string): JsonObject {
  return { marathon: { v2AppMustacheTemplate: base64(text) } };
}

describe("renderMarathon", () => {
  it("renders with the defaults and resource.json", () => {
    assert.deepEqual(JSON.parse(renderMarathon(parsed()) ?? ""), {
      id: "demo",
      cpus: 0.5,
      cmd: "./run https://example.org/demo/archive.zip",
      container: { docker: { image: "acme/server:1.2" } },
    });
  });

  it("puts the user's options over the defaults, deeply, and resource over both", () => {
    const options = {
      service: { name: "other" },
      resource: { assets: { uris: { "archive-zip": "x" } } },
    };
    const app = JSON.parse(renderMarathon(parsed(), options) ?? "");
    assert.equal(app.id, "other");
    assert.equal(app.cpus, 0.5);
    assert.equal(app.cmd, "./run https://example.org/demo/archive.zip");
  });

  it("lets an option named resource be seen beside resource.json", () => {
    const template = withTemplate('{"a":"{{resource.extra}}"}');
    assert.equal(renderMarathon(parsed(template), { resource: { extra: "e" } }), '{"a":"e"}');
  });

  it("gives the lambda asJson the name of a top-level value", () => {
    const template = withTemplate('{"a":{{#asJson}}service{{/asJson}}}');
    assert.equal(renderMarathon(parsed(template)), '{"a":{"name":"demo","cpus":0.5}}');
  });

  it("answers nothing for a package without template", () => {
    const { marathon: _, ...rest } = definition();
    assert.equal(renderMarathon(parseMetadata(json(rest))), undefined);
  });

  it("throws with the place in the template", async () => {
    assert.deepEqual(await printed(() => renderMarathon(parsed(withTemplate("{\n{{#a}}")))), [
      'marathon.json.mustache:2:1: error E130: section "a" is never closed',
    ]);
    const [line] = await printed(() =>
      renderMarathon(parsed(withTemplate('{"a":{{resource.b}} }'))),
    );
    assert.match(
      line ?? "",
      /^marathon\.json\.mustache:1:6: error E131: .* because resource\.b is not in resource\.json/,
    );
  });
});

describe("a template inside a build definition", () => {
  it("is named by its field, its line in words", async (test) => {
    const content = json(definition(withTemplate('{\n  "a": {{x}}\n}')));
    const root = await directory(test, { "demo.json": content });
    const [line] = await printed(() => readBuildDefinition("demo.json", root));
    assert.match(
      line ?? "",
      /^demo\.json:11:5: error E131: template line 2, column 8: the rendered app is not JSON .* because option "x" has no default \[at \/marathon\/v2AppMustacheTemplate\]/,
    );
  });

  it("is not judged by documents that could not be read", async (test) => {
    const root = await directory(test, {
      "demo.json": json(definition({ resource: "@none.json" })),
    });
    const lines = await printed(() => readBuildDefinition("demo.json", root));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /E140: resource: no such file/);
  });
});
