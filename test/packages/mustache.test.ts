/** Protects the rendering contract of Cosmos: an app that renders otherwise is another app. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toJava } from "../../src/packages/java-value.ts";
import { RenderLimit, renderTemplate } from "../../src/packages/mustache-render.ts";
import { parseTemplate, TemplateSyntaxError } from "../../src/packages/mustache-template.ts";
import type { JsonValue } from "../../src/packages/package-definition.ts";

function render(template: string, context: JsonValue): string {
  return renderTemplate(parseTemplate(template), toJava(context))
    .map(({ text }) => text)
    .join("");
}

describe("values in a template", () => {
  const cases: [name: string, template: string, context: JsonValue, expected: string][] = [
    ["inserts strings with JSON escapes", '"{{s}}"', { s: 'a"b\\c\nd' }, '"a\\"b\\\\c\\nd"'],
    [
      "escapes nothing for HTML, with two braces and three",
      "{{s}}{{{s}}}{{&s}}",
      { s: "<&'/>" },
      "<&'/><&'/><&'/>",
    ],
    [
      "prints lists with brackets and their strings with quotes",
      "{{l}}",
      { l: [["hostname", "UNIQUE"], 1] },
      '[["hostname", "UNIQUE"], 1]',
    ],
    ["prints an empty list", "{{l}}", { l: [] }, "[]"],
    ["prints objects as Java does", "{{o}}", { o: { a: 1, b: "x" } }, "{a=1, b=x}"],
    [
      "prints integers as integers",
      "{{a}} {{b}} {{c}}",
      { a: 42, b: -7, c: 9007199254740991 },
      "42 -7 9007199254740991",
    ],
    ["prints whole fractions as integers", "{{a}}", { a: 1.0 }, "1"],
    [
      "prints fractions as Java does",
      "{{a}} {{b}} {{c}}",
      { a: 0.1, b: 0.0001, c: 12345678.5 },
      "0.1 1.0E-4 1.23456785E7",
    ],
    ["prints booleans", "{{t}} {{f}}", { t: true, f: false }, "true false"],
    ["prints nothing for null and for what is missing", "[{{n}}{{x}}{{a.b.c}}]", { n: null }, "[]"],
    ["trims the name of a tag", "{{ a }}{{{ a }}}", { a: 1 }, "11"],
    ["keeps braces that belong to the text", '{"a":{{a}}}', { a: 1 }, '{"a":1}'],
  ];
  for (const [name, template, context, expected] of cases) {
    it(name, () => assert.equal(render(template, context), expected));
  }
});

describe("sections of a template", () => {
  const truth: [value: JsonValue, expected: string][] = [
    [true, "yes"],
    [false, "no"],
    [null, "no"],
    ["", "no"],
    ["false", "yes"],
    [0, "yes"],
    [1, "yes"],
    [[], "no"],
    [[false], "yes"],
    [{}, "yes"],
  ];
  for (const [value, expected] of truth) {
    it(`takes ${JSON.stringify(value)} for ${expected}`, () => {
      assert.equal(render("{{#v}}yes{{/v}}{{^v}}no{{/v}}", { v: value }), expected);
    });
  }

  it("takes what is missing for false", () => {
    assert.equal(render("{{#v}}yes{{/v}}{{^v}}no{{/v}}", {}), "no");
  });

  it("repeats for each element, which is the innermost scope", () => {
    assert.equal(
      render("{{#l}}{{n}}{{out}};{{/l}}", { out: "!", l: [{ n: 1 }, { n: 2 }] }),
      "1!;2!;",
    );
    assert.equal(render("{{#l}}{{.}};{{/l}}", { l: [1, "a"] }), '1;"a";');
  });

  it("takes tags alone on a line together with their line", () => {
    const template = "a\n  {{#t}}\n  b\n  {{/t}}\n{{! note }}\nc {{#t}}d{{/t}}\r\n";
    assert.equal(render(template, { t: true }), "a\n  b\nc d\r\n");
  });

  it("changes delimiters", () => {
    assert.equal(render("{{=<% %>=}}<%a%>{{a}}<%={{ }}=%>{{a}}", { a: 1 }), "1{{a}}1");
  });
});

describe("look-up of a name", () => {
  const cases: [name: string, template: string, context: JsonValue, expected: string][] = [
    ["follows a path", "{{a.b.c}}", { a: { b: { c: 1 } } }, "1"],
    ["finds a whole dotted name before the path", "{{a.b}}", { "a.b": 1, a: { b: 2 } }, "1"],
    [
      "falls back to outer scopes for simple names",
      "{{#a}}{{x}}{{/a}}",
      { a: { y: 1 }, x: 2 },
      "2",
    ],
    [
      "falls back when the path's start is not in a scope",
      "{{#a}}{{x.y}}{{/a}}",
      { a: {}, x: { y: 2 } },
      "2",
    ],
    [
      "does not fall back when only the last step is missing",
      "[{{#a}}{{x.y}}{{/a}}]",
      { a: { x: {} }, x: { y: 2 } },
      "[]",
    ],
    [
      "does not fall back behind a null",
      "[{{#a}}{{x.y}}{{/a}}]",
      { a: { x: null }, x: { y: 2 } },
      "[]",
    ],
    [
      "knows the methods of strings",
      "{{s.isEmpty}} {{s.length}} {{e.isEmpty}}",
      { s: "abc", e: "" },
      "false 3 true",
    ],
    [
      "knows the methods of lists",
      "{{l.isEmpty}} {{l.size}} {{e.isEmpty}}",
      { l: [1, 2], e: [] },
      "false 2 true",
    ],
    ["prefers a member of an object to a method", "{{o.size}}", { o: { size: "big" } }, "big"],
    ["knows no methods of objects", "[{{o.isEmpty}}{{o.size}}]", { o: {} }, "[]"],
    [
      "never reaches JavaScript's own members",
      "[{{constructor}}{{o.__proto__}}{{o.toString}}{{l.map}}{{s.constructor}}]",
      { o: {}, l: [], s: "" },
      "[]",
    ],
    [
      "treats a member called __proto__ as a member",
      "{{o.__proto__}}",
      JSON.parse('{"o":{"__proto__":7}}') as JsonValue,
      "7",
    ],
  ];
  for (const [name, template, context, expected] of cases) {
    it(name, () => assert.equal(render(template, context), expected));
  }

  it("tells an empty list from a full one where templates test for it", () => {
    const template = "{{^service.list.isEmpty}}full{{/service.list.isEmpty}}";
    assert.equal(render(template, { service: { list: ["a"] } }), "full");
    assert.equal(render(template, { service: { list: [] } }), "");
  });
});

describe("templates that no parser takes", () => {
  const cases: [template: string, message: RegExp, offset: number][] = [
    ["ab {{#a.b}} c", /^section "a\.b" is never closed$/, 3],
    ["{{#a}}\n{{#b}}\n{{/a}}", /^"a" closed at line 3 but "b" was open since line 2$/, 14],
    ["x{{/a}}", /^section "a" is closed but was never opened$/, 1],
    ["x{{a", /^the tag is never closed$/, 1],
    ["x{{ }}", /^the tag is empty$/, 1],
    ["x{{{a}}", /^the tag is not closed by three braces$/, 1],
    ["{{>part}}", /is not supported$/, 0],
    ["{{=x}}", /^delimiters are set as/, 0],
    [`{{${"a".repeat(300)}}}`, /more than 256 characters/, 0],
    ["{{#a}}".repeat(101), /^sections nested deeper than 100$/, 600],
  ];
  for (const [template, message, offset] of cases) {
    it(`says ${message.source}`, () => {
      assert.throws(
        () => parseTemplate(template),
        (error) => {
          assert.ok(error instanceof TemplateSyntaxError);
          assert.match(error.message, message);
          assert.equal(error.offset, offset);
          return true;
        },
      );
    });
  }

  it("stops loops that multiply, instead of filling the memory", () => {
    const list = Array.from({ length: 100 }, () => 1);
    const template = `${"{{#l}}".repeat(8)}x${"{{/l}}".repeat(8)}`;
    assert.throws(() => render(template, { l: list }), RenderLimit);
    const wide = "{{#l}}{{s}}{{/l}}";
    assert.throws(() => render(wide, { l: list, s: "x".repeat(1 << 20) }), RenderLimit);
  });
});
