import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseRange } from "../../src/http/byte-range.ts";

describe("Range header", () => {
  const cases: [header: string | undefined, size: number, expected: unknown][] = [
    [undefined, 10, undefined],
    ["bytes=2-4", 10, [{ start: 2, end: 4 }]],
    ["bytes=0-0", 10, [{ start: 0, end: 0 }]],
    ["bytes=7-", 10, [{ start: 7, end: 9 }]],
    ["bytes=-3", 10, [{ start: 7, end: 9 }]],
    ["bytes=-30", 10, [{ start: 0, end: 9 }]],
    ["bytes=5-5000", 10, [{ start: 5, end: 9 }]],
    ["bytes=0-99999999999999999999", 10, [{ start: 0, end: 9 }]],
    ["BYTES = 2-4", 10, [{ start: 2, end: 4 }]],
    [
      "bytes=0-1, 4-5 ,,8-",
      10,
      [
        { start: 0, end: 1 },
        { start: 4, end: 5 },
        { start: 8, end: 9 },
      ],
    ],
    ["bytes=20-30, 4-5", 10, [{ start: 4, end: 5 }]],
    ["bytes=10-", 10, "unsatisfiable"],
    ["bytes=-0", 10, "unsatisfiable"],
    ["bytes=500-0", 1000, "unsatisfiable"],
    ["bytes=500-0", 10, "unsatisfiable"],
    ["bytes=-", 10, "unsatisfiable"],
    ["bytes=", 10, "unsatisfiable"],
    ["bytes=a-b", 10, "unsatisfiable"],
    ["bytes=1-2-3", 10, "unsatisfiable"],
    ["bytes=+1-2", 10, "unsatisfiable"],
    ["bytes=0-", 0, "unsatisfiable"],
    ["lines=1-2", 10, undefined],
    ["nonsense", 10, undefined],
  ];
  for (const [header, size, expected] of cases) {
    it(`reads ${header ?? "no header"} of ${size} bytes`, () => {
      assert.deepEqual(parseRange(header, size), expected);
    });
  }

  it("ignores ranges that together exceed the content", () => {
    assert.equal(parseRange("bytes=0-9,0-9", 10), undefined);
    assert.equal(parseRange("bytes=0-5,5-", 10), undefined);
  });

  it("ignores more ranges than any client needs", () => {
    const many = Array.from({ length: 1025 }, (_, at) => `${at}-${at}`).join(",");
    assert.equal(parseRange(`bytes=${many}`, 10_000), undefined);
  });
});
