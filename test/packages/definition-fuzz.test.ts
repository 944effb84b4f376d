/** Protects the readers of definitions from input that nobody thought of; the same cases in every run. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Findings, PackageInvalid } from "../../src/packages/finding.ts";
import { type JavaValue, toJava } from "../../src/packages/java-value.ts";
import { parseJsonDocument } from "../../src/packages/json-document.ts";
import { RenderLimit, renderTemplate } from "../../src/packages/mustache-render.ts";
import { parseTemplate, TemplateSyntaxError } from "../../src/packages/mustache-template.ts";
import type { JsonValue } from "../../src/packages/package-definition.ts";
import { parseMetadata } from "../../src/packages/parse-metadata.ts";
import { renderMarathon } from "../../src/packages/render-marathon.ts";
import { base64, definition, json, template } from "./definition-fixture.ts";
import { type Random, seededRandom } from "./seeded-random.ts";

const fragments = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u",
  "\\ud83d",
  "0",
  "-",
  "1e9",
  ".",
  "true",
  "nul",
  "\n",
  "\t",
  "\u0000",
  "\ufeff",
  "é",
  "😀",
  "/*",
  "{{",
  "}}",
  "#",
  "__proto__",
  '"a":1,',
  "9007199254740993",
];

/** Cuts, repeats, swaps and inserts at random places. */
function mutate(text: string, random: Random): string {
  let mutated = text;
  for (let round = 1 + random(3); round > 0; round -= 1) {
    const from = random(mutated.length + 1);
    const to = Math.min(mutated.length, from + random(12));
    const inserted = random.pick([
      "",
      random.pick(fragments),
      random.pick(fragments) + random.pick(fragments),
      mutated.slice(from, to).repeat(2),
    ]);
    mutated = mutated.slice(0, from) + inserted + mutated.slice(to);
  }
  return mutated;
}

/** What we refuse although the built-in parser takes it. */
const stricter = /appears twice|beyond 2\^53|too large|surrogate|nested deeper|longer than/;

describe("fuzzing", () => {
  it("agrees with the built-in parser on what is JSON, and gives the same values", () => {
    const random = seededRandom(1);
    const counted = { taken: 0, refused: 0 };
    const seeds = [
      json(definition()).toString(),
      '[1,{"a":[true,null,"\\u00e9\\ud83d\\ude00"]},-0.5e-3,"x"]',
    ];
    for (let round = 0; round < 3000; round += 1) {
      const taken = compareWithBuiltIn(mutate(random.pick(seeds), random));
      counted[taken ? "taken" : "refused"] += 1;
    }
    assert.ok(counted.taken > 200 && counted.refused > 200, JSON.stringify(counted));
  });

  it("throws nothing but findings for damaged metadata, whatever its bytes", () => {
    const random = seededRandom(2);
    const whole = json(definition());
    let taken = 0;
    for (let round = 0; round < 1500; round += 1) {
      const bytes =
        random(2) === 0 ? Buffer.from(mutate(whole.toString(), random)) : Buffer.from(whole);
      for (let flips = random(3); flips > 0; flips -= 1) bytes[random(bytes.length)] = random(256);
      taken += Number(refusedOrTaken(bytes));
    }
    assert.ok(taken > 20);
  });

  it("throws nothing but findings for definitions whose values have been exchanged", () => {
    const random = seededRandom(3);
    const values: JsonValue[] = [
      null,
      true,
      0,
      -1.5,
      "",
      "@x",
      "a b",
      [],
      {},
      [[]],
      { a: {} },
      JSON.parse('{"__proto__":{"a":1}}'),
    ];
    for (let round = 0; round < 700; round += 1) {
      const document = JSON.parse(json(definition()).toString());
      for (let changes = 1 + random(3); changes > 0; changes -= 1)
        exchange(document, random, values);
      refusedOrTaken(json(document));
    }
  });

  it("parses and renders any template, or says what is wrong inside it", () => {
    const random = seededRandom(4);
    const context = toJava({
      a: { b: [1, "x", null, { c: [] }], s: "" },
      service: { name: "n", cpus: 1 },
      resource: {},
    });
    const tags = [
      "{{a.b}}",
      "{{#a}}",
      "{{/a}}",
      "{{^a.b}}",
      "{{/a.b}}",
      "{{{x}}}",
      "{{!",
      "}}",
      "{{=<% %>=}}",
      "<%a%>",
      "{{.}}",
      "{{a..b}}",
      "{{a.b.isEmpty}}",
    ];
    const counted = { rendered: 0, refused: 0 };
    for (let round = 0; round < 4000; round += 1) {
      const pieces = Array.from({ length: random(8) }, () => random.pick([...tags, ...fragments]));
      const text = random(2) === 0 ? pieces.join("") : mutate(template, random);
      counted[rendersOrExplains(text, context) ? "rendered" : "refused"] += 1;
    }
    assert.ok(counted.rendered > 500 && counted.refused > 500, JSON.stringify(counted));
  });

  it("renders an app, or points into the template", () => {
    const random = seededRandom(5);
    for (let round = 0; round < 500; round += 1) {
      const text = mutate(template, random) || " ";
      const change = { marathon: { v2AppMustacheTemplate: base64(text) } };
      try {
        JSON.parse(renderMarathon(parseMetadata(json(definition(change)))) ?? "");
      } catch (error) {
        assert.ok(error instanceof PackageInvalid, `${text}: ${error}`);
        const [finding] = error.findings;
        const lines = text.split(/\r\n?|\n/).length;
        assert.ok((finding?.line ?? 0) >= 1 && (finding?.line ?? 0) <= lines);
      }
    }
  });
});

/** Whether we take it; the built-in parser must agree, but for what we refuse on purpose. */
function compareWithBuiltIn(text: string): boolean {
  const findings = new Findings();
  const bytes = Buffer.from(text);
  const parsed = parseJsonDocument(bytes, "x.json", findings);
  const expected = builtIn(bytes.toString().replace(/^\ufeff/, ""));
  for (const { line = 1, column = 1 } of findings.sorted()) assert.ok(line >= 1 && column >= 1);
  if (!findings.hasErrors) assert.deepEqual([parsed?.value], expected, text);
  else if (expected) assert.match(findings.sorted()[0]?.message ?? "", stricter, text);
  return !findings.hasErrors;
}

function rendersOrExplains(text: string, context: JavaValue): boolean {
  try {
    renderTemplate(parseTemplate(text), context);
    return true;
  } catch (error) {
    if (error instanceof RenderLimit) return false;
    assert.ok(error instanceof TemplateSyntaxError, `${text}: ${error}`);
    assert.ok(error.offset >= 0 && error.offset <= text.length);
    return false;
  }
}

function builtIn(text: string): [JsonValue] | undefined {
  try {
    return [JSON.parse(text) as JsonValue];
  } catch {
    return undefined;
  }
}

function refusedOrTaken(bytes: Buffer): boolean {
  try {
    parseMetadata(bytes);
    return true;
  } catch (error) {
    assert.ok(error instanceof PackageInvalid, `${bytes}: ${error}`);
    assert.ok(error.findings.some(({ severity }) => severity === "error"));
    return false;
  }
}

/** Replaces a random value, at any depth, by another one. */
function exchange(
  parent: Record<string, unknown>,
  random: Random,
  values: readonly JsonValue[],
): void {
  const keys = Object.keys(parent);
  if (keys.length === 0) return;
  const key = random.pick(keys);
  const child = parent[key];
  if (typeof child === "object" && child !== null && random(4) > 0) {
    exchange(child as Record<string, unknown>, random, values);
  } else parent[key] = structuredClone(random.pick(values));
}
