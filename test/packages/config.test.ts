/** Protects which configs are accepted, with ajv's meta-schema as the judge, and what their defaults are. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import Draft4 from "ajv-draft-04";
import {
  defaultOptions,
  mergeOptions,
  requiredWithoutDefault,
} from "../../src/packages/config-defaults.ts";
import { configRule } from "../../src/packages/config-rules.ts";
import { Findings } from "../../src/packages/finding.ts";
import { JsonCursor } from "../../src/packages/json-cursor.ts";
import { parseJsonDocument } from "../../src/packages/json-document.ts";
import type { JsonValue } from "../../src/packages/package-definition.ts";
import { json } from "./definition-fixture.ts";
import { type Random, seededRandom } from "./seeded-random.ts";

function findingsOf(config: JsonValue) {
  const findings = new Findings();
  const document = parseJsonDocument(json(config), "config.json", findings);
  assert.ok(document);
  configRule(JsonCursor.of(document, findings));
  return findings.sorted();
}

const keywords = [
  "id",
  "$schema",
  "title",
  "description",
  "multipleOf",
  "maximum",
  "exclusiveMaximum",
  "minimum",
  "exclusiveMinimum",
  "maxLength",
  "minLength",
  "pattern",
  "additionalItems",
  "items",
  "maxItems",
  "minItems",
  "uniqueItems",
  "maxProperties",
  "minProperties",
  "required",
  "additionalProperties",
  "definitions",
  "properties",
  "patternProperties",
  "dependencies",
  "enum",
  "type",
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "media",
  "format",
  "default",
];

function randomValue(random: Random, depth: number): JsonValue {
  const scalars: JsonValue[] = [
    "object",
    "string",
    "x",
    "",
    0,
    1,
    -1,
    2.5,
    true,
    false,
    null,
    [],
    {},
    ["a"],
    ["a", "a"],
    ["string", "null"],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
  ];
  if (depth > 3 || random(3) === 0) return random.pick(scalars);
  if (random(4) === 0) {
    return Array.from({ length: random(3) }, () => randomValue(random, depth + 1));
  }
  return Object.fromEntries(
    Array.from({ length: 1 + random(3) }, () => [
      random.pick(keywords),
      randomValue(random, depth + 1),
    ]),
  );
}

describe("config against the draft-4 meta-schema", () => {
  it("agrees with ajv on some thousand random configs, right and wrong", () => {
    const ajv = new Draft4.default({ validateFormats: false, strict: false });
    const validate = ajv.getSchema("http://json-schema.org/draft-04/schema");
    assert.ok(validate);
    const random = seededRandom(42);
    const counted = { right: 0, wrong: 0 };
    for (let round = 0; round < 4000; round += 1) {
      const config = { [random.pick(keywords)]: randomValue(random, 0) };
      const ours = !findingsOf(config).some(({ code }) => code === "E120");
      counted[ours ? "right" : "wrong"] += 1;
      assert.equal(ours, validate(config), JSON.stringify(config));
    }
    assert.ok(counted.right > 500 && counted.wrong > 500, JSON.stringify(counted));
  });

  it("takes what compiling would refuse: repeated ids, unknown keywords and formats", () => {
    const option = {
      type: "string",
      id: "https://example.org/doc",
      format: "strange",
      media: {},
      "type:": 1,
    };
    const config = { type: "object", properties: { a: option, b: option } };
    assert.deepEqual(findingsOf(config), []);
  });

  it("says what is expected, what was found, and where", () => {
    const config = {
      type: "object",
      properties: { foo: { type: "strng", required: true, enum: [1, 1] } },
    };
    assert.deepEqual(
      findingsOf(config).map(({ line, message, pointer }) => [line, message, pointer]),
      [
        [
          5,
          'not a valid JSON schema (draft 4): "type" must be one or several of array, boolean, integer, null, number, object, string, found "strng"',
          "/properties/foo/type",
        ],
        [
          6,
          'not a valid JSON schema (draft 4): "required" must be an array of property names, found true',
          "/properties/foo/required",
        ],
        [
          7,
          'not a valid JSON schema (draft 4): "enum" must be an array of different values, found equal values in it',
          "/properties/foo/enum",
        ],
      ],
    );
  });

  it("notes a config without options", () => {
    assert.deepEqual(
      findingsOf({ type: "object" }).map(({ code }) => code),
      ["W121"],
    );
    assert.deepEqual(
      findingsOf({ properties: {} }).map(({ code }) => code),
      ["W121"],
    );
  });

  it("compares many enum values in no time", () => {
    const values = Array.from({ length: 30_000 }, (_, index) => ({ index }));
    assert.deepEqual(findingsOf({ type: "object", properties: { a: { enum: values } } }), []);
  });
});

describe("default options", () => {
  it("follows properties, prefers an object's own default, leaves empty objects out", () => {
    const config = {
      properties: {
        a: { default: 1 },
        b: { properties: { c: { default: null }, d: {} } },
        e: { default: { x: 1 }, properties: { y: { default: 2 } } },
        f: { properties: { g: { type: "string" } } },
        h: { items: { default: 3 } },
      },
    };
    assert.deepEqual(defaultOptions(config), { a: 1, b: { c: null }, e: { x: 1 } });
    assert.deepEqual(defaultOptions(undefined), {});
    assert.deepEqual(defaultOptions({ properties: [] }), {});
  });

  it("merges objects deeply and replaces the rest", () => {
    const merged = mergeOptions({ a: { b: 1, c: [1, 2] }, d: {} }, { a: { c: [3], e: 4 }, d: "x" });
    assert.deepEqual(merged, { a: { b: 1, c: [3], e: 4 }, d: "x" });
  });

  it("keeps a key __proto__ from reaching anything but its object", () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":1}}') as Record<string, JsonValue>;
    const merged = mergeOptions(hostile, hostile);
    assert.deepEqual(Object.keys(merged), ["__proto__"]);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  it("finds required options without default, with a placeholder of the right type", () => {
    const config = {
      required: ["top", "nested"],
      properties: {
        top: { type: "integer", minimum: 3 },
        nested: {
          required: ["license", "kind", "done"],
          properties: {
            license: { type: "string" },
            kind: { enum: ["x", "y"] },
            done: { type: "boolean", default: false },
            optional: { type: "string" },
          },
        },
      },
    };
    assert.deepEqual(requiredWithoutDefault(config), {
      names: ["top", "nested.license", "nested.kind"],
      placeholders: { top: 3, nested: { license: "placeholder", kind: "x" } },
    });
  });
});
