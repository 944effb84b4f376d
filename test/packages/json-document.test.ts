/** Protects the exact places and words of findings about JSON itself, and the limits against bombs. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Findings, formatFinding } from "../../src/packages/finding.ts";
import { JsonCursor } from "../../src/packages/json-cursor.ts";
import { parseJsonDocument } from "../../src/packages/json-document.ts";

function findings(content: string | Buffer): string[] {
  const found = new Findings();
  parseJsonDocument(Buffer.from(content), "x.json", found);
  return found.sorted().map(formatFinding);
}

function document(content: string) {
  const found = new Findings();
  const parsed = parseJsonDocument(Buffer.from(content), "x.json", found);
  assert.deepEqual(found.sorted(), []);
  assert.ok(parsed);
  return { parsed, found };
}

describe("parseJsonDocument", () => {
  const refused: [name: string, content: string | Buffer, ...lines: string[]][] = [
    [
      "a trailing comma in an object",
      '{\n  "a": 1,\n}',
      "x.json:3:1: error E103: trailing comma before '}'",
    ],
    ["a trailing comma in an array", "[1,]", "x.json:1:4: error E103: trailing comma before ']'"],
    ["two commas", "[1,,2]", "x.json:1:3: error E103: two commas in a row"],
    [
      "a missing comma",
      '{\n  "a": 1\n  "uris": 2\n}',
      "x.json:3:3: error E103: expected ',' or '}' but found '\"uris\"'",
      "  hint: the comma is missing after line 2",
    ],
    [
      "a missing colon",
      '{"a" 1}',
      "x.json:1:6: error E103: expected ':' after \"a\" but found '1'",
    ],
    ["a missing value", '{"a": }', "x.json:1:7: error E103: expected a value but found '}'"],
    [
      "an unquoted key",
      "{a: 1}",
      "x.json:1:2: error E103: expected a value but found 'a'",
      "  hint: text is written in double quotes",
    ],
    [
      "a numeric key",
      "{1: 1}",
      "x.json:1:2: error E103: expected a key in double quotes but found '1'",
    ],
    [
      "an end too early",
      '{\n"a": [1',
      "x.json:2:8: error E103: expected ',' or ']' but found the end of the text",
      "  hint: the [ of line 2 is never closed",
    ],
    [
      "more than one value",
      "{} {}",
      "x.json:1:4: error E103: expected the end of the text but found '{'",
    ],
    ["an empty file", " \n", "x.json:1:1: error E103: the text is empty"],
    ["single quotes", "['a']", "x.json:1:2: error E103: strings are written in double quotes"],
    [
      "a comment",
      "[1, // one\n2]",
      "x.json:1:5: error E103: JSON has no comments",
      "  hint: remove the comment",
    ],
    [
      "another language's words",
      "[True]",
      "x.json:1:2: error E103: 'True' is not JSON",
      "  hint: write true",
    ],
    ["a leading zero", "[01]", "x.json:1:2: error E103: '01' is not a JSON number"],
    ["a leading plus", "[+1]", "x.json:1:2: error E103: '+1' is not a JSON number"],
    ["infinity", "[1e400]", "x.json:1:2: error E103: number 1e400 is too large"],
    [
      "an integer that would change",
      "[9007199254740993]",
      "x.json:1:2: error E103: number 9007199254740993 is beyond 2^53 and would lose digits",
    ],
    ["an open string", '["abc', "x.json:1:2: error E103: the string is never closed"],
    [
      "a string over two lines",
      '["abc\n"]',
      "x.json:1:2: error E103: the string is not closed on its line",
      '  hint: a line break is written \\n; is a " missing?',
    ],
    ["a raw tab", '["a\tb"]', "x.json:1:4: error E103: a raw tab must be escaped in a string"],
    [
      "a control character",
      '["a\u0001b"]',
      "x.json:1:4: error E103: the control character \\u0001 must be escaped in a string",
    ],
    [
      "an unknown escape",
      '["\\x"]',
      "x.json:1:3: error E103: '\\x' is not an escape",
      "  hint: a backslash is written \\\\",
    ],
    ["a short escape", '["\\u12"]', "x.json:1:3: error E103: \\u needs four hexadecimal digits"],
    [
      "half a pair",
      '["\\ud83d"]',
      "x.json:1:3: error E103: half of a surrogate pair is no character",
    ],
    [
      "a reversed pair",
      '["\\ude00\\ud83d"]',
      "x.json:1:3: error E103: half of a surrogate pair is no character",
    ],
    [
      "a duplicate key",
      '{\n  "a/b": {\n    "c": 1,\n    "c": 2\n  }\n}',
      'x.json:4:5: error E104: key "c" appears twice (first on line 3); the first value would be ignored [at /a~1b/c]',
    ],
    [
      "bytes that are no UTF-8",
      Buffer.from([0x22, 0x61, 0xe2, 0x28, 0x22]),
      "x.json: error E102: not UTF-8 at byte 2",
    ],
    [
      "bad bytes behind a real replacement character",
      Buffer.concat([Buffer.from('"\ufffd'), Buffer.from([0xff, 0x22])]),
      "x.json: error E102: not UTF-8 at byte 4",
    ],
    ["UTF-16", Buffer.from("\ufeff{}", "utf16le"), "x.json: error E102: not UTF-8 at byte 0"],
  ];
  for (const [name, content, ...lines] of refused) {
    it(`names ${name}`, () => assert.deepEqual(findings(content), [lines.join("\n")]));
  }

  it("removes a byte order mark, with a warning", () => {
    const found = new Findings();
    const parsed = parseJsonDocument(Buffer.from('\ufeff{"a":1}'), "x.json", found);
    assert.deepEqual(parsed?.value, { a: 1 });
    assert.deepEqual(
      found.sorted().map(({ code }) => code),
      ["W102"],
    );
    assert.equal(found.hasErrors, false);
  });

  it("finds every duplicate key, not only the first", () => {
    const lines = findings('{"a":1,"a":2,"b":{"c":1,"c":1,"c":1}}');
    assert.equal(lines.length, 3);
  });

  it("takes a duplicate that is written with an escape for what it is", () => {
    assert.match(findings('{"ab":1,"\\u0061b":2}')[0] ?? "", /E104: key "ab" appears twice/);
  });

  it("refuses depth, size and number of values that only a bomb has", () => {
    assert.match(findings("[".repeat(100_000))[0] ?? "", /nested deeper than 100 levels/);
    assert.match(findings(`[${"0,".repeat(300_000)}0]`)[0] ?? "", /more than 100000 values/);
    assert.match(findings(`"${"a".repeat(4 << 20)}"`)[0] ?? "", /bytes are too many/);
    assert.match(findings(`{"${"k".repeat(2000)}":1}`)[0] ?? "", /a key is longer than/);
  });

  it("locates members by their key, elements by themselves, absent things by the nearest place", () => {
    const { parsed } = document('{\r\n  "a": {\r\n    "b~/": [ 1,\r\n 2 ]\r\n  }\r\n}');
    assert.deepEqual(parsed.position("/a"), { line: 2, column: 3 });
    assert.deepEqual(parsed.position("/a/b~0~1"), { line: 3, column: 5 });
    assert.deepEqual(parsed.position("/a/b~0~1/1"), { line: 4, column: 2 });
    assert.deepEqual(parsed.position("/a/none/x"), { line: 2, column: 3 });
    assert.deepEqual(parsed.position(""), { line: 1, column: 1 });
  });

  it("treats the keys of Object.prototype as ordinary ones", () => {
    const { parsed, found } = document('{"__proto__":{"polluted":1},"toString":2}');
    const cursor = JsonCursor.of(parsed, found);
    assert.deepEqual(cursor.member("__proto__")?.value, { polluted: 1 });
    assert.equal(cursor.member("toString")?.value, 2);
    assert.equal(cursor.member("constructor"), undefined);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  it("keeps control and direction characters of a document off the terminal", () => {
    const found = new Findings();
    const parsed = parseJsonDocument(Buffer.from('{"\\u001b[31m\u202e":1}'), "x.json", found);
    assert.ok(parsed);
    for (const [, member] of JsonCursor.of(parsed, found).members()) member.expected("nothing");
    const [line = ""] = found.sorted().map(formatFinding);
    assert.equal(line.includes("\u001b") || line.includes("\u202e"), false);
    assert.match(line, /\\u001b\[31m\\u202e/);
  });
});
