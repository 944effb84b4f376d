import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAccept } from "../../src/http/accept.ts";
import { wantedVersion } from "../../src/http/index-answer.ts";

describe("Accept header", () => {
  const names = (header: string) => parseAccept(header).map(({ name }) => name);

  it("is ordered by quality, then as written", () => {
    assert.deepEqual(names("a/a;q=0.5, b/b, c/c;q=0.9, d/d"), ["b/b", "d/d", "c/c", "a/a"]);
  });

  it("leaves out what is not acceptable", () => {
    assert.deepEqual(names("a/a;q=0, b/b; q=0.000 ,c/c"), ["c/c"]);
    assert.deepEqual(names(""), []);
    assert.deepEqual(parseAccept(undefined), []);
  });

  it("takes parameters with spaces, quotes and upper case", () => {
    const [one] = parseAccept('A/B ; Charset="UTF-8" ;x="a,b;c\\"d" ; q=0.3;later=1');
    assert.deepEqual(one, {
      name: "a/b",
      parameters: new Map([
        ["charset", "utf-8"],
        ["x", 'a,b;c"d'],
      ]),
      quality: 0.3,
    });
  });

  it("takes an unreadable quality as none given", () => {
    assert.deepEqual(
      parseAccept("a/a;q=high, b/b;q=2").map(({ quality }) => quality),
      [1, 1],
    );
  });

  it("takes time in proportion to the length of a hostile header", () => {
    const started = performance.now();
    parseAccept(`"${",;".repeat(100_000)}`);
    parseAccept(`${'a;b="'.repeat(50_000)}`);
    assert.ok(performance.now() - started < 1000);
  });
});

describe("wanted repository version", () => {
  const type = "application/vnd.dcos.universe.repo+json";
  const full = (version: string) => `${type};charset=utf-8;version=${version}`;
  const cases: [accept: string | undefined, expected: number | undefined][] = [
    [`${full("v5")},${full("v4")},${full("v3")}`, 5],
    [`${full("v4")},${full("v3")}`, 4],
    [`${full("v3")},${full("v4")}`, 4],
    [full("v3"), 3],
    [`${type}; version=v4; charset=UTF-8`, 4],
    [`${type.toUpperCase()};version="v4"`, 4],
    [`${type};version=v4`, 4],
    [type, 5],
    [`${full("v5")};q=0,${full("v4")}`, 4],
    [`${full("v5")};q=0.5,${full("v4")}`, 4],
    [`${full("v4")};q=0.9, */*;q=0.1`, 4],
    [`${type};charset=latin1;version=v5`, undefined],
    [full("v6"), undefined],
    [`${full("v6")},${full("v3")}`, 3],
    ["application/json", undefined],
    ["*/*", undefined],
    [undefined, undefined],
  ];
  for (const [accept, expected] of cases) {
    it(`is ${expected ?? "not named"} in ${accept ?? "no header"}`, () => {
      assert.equal(wantedVersion(accept), expected);
    });
  }
});
