import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IndexPages, inRow, pageBytes } from "../../src/catalog/index-pages.ts";

const joined = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString();

describe("pages of an index", () => {
  it("gives back in one piece what was written in a row", () => {
    const pages = new IndexPages();
    const texts = ["a", "", "ü€😀", "b".repeat(1000)];
    const rows = inRow(texts.map((text) => pages.write(text)));
    assert.equal(rows.length, 1);
    assert.equal(joined(rows), texts.join(""));
  });

  it("needs a piece for each page that is full", () => {
    const pages = new IndexPages();
    const texts = Array.from({ length: 100 }, (_, at) => String(at % 10).repeat(10_000));
    const rows = inRow(texts.map((text) => pages.write(text)));
    assert.equal(joined(rows), texts.join(""));
    assert.equal(rows.length, 4);
    for (const { length } of rows) assert.ok(length <= pageBytes);
  });

  it("keeps what was written, whatever comes behind it", () => {
    const pages = new IndexPages();
    const first = pages.write("first");
    const large = pages.write("x".repeat(pageBytes));
    const second = pages.write("second");
    assert.equal(first.toString(), "first");
    assert.equal(large.length, pageBytes);
    assert.deepEqual(inRow([first, second]).map(String), ["firstsecond"]);
  });

  it("keeps apart what is not one behind the other", () => {
    const pages = new IndexPages();
    const [first, second, third] = [pages.write("1"), pages.write("2"), pages.write("3")];
    assert.deepEqual(inRow([second, first, third]).map(String), ["2", "1", "3"]);
    assert.deepEqual(inRow([first, third]).map(String), ["1", "3"]);
    assert.deepEqual(
      inRow([Buffer.from("1"), Buffer.from("2")])
        .map(String)
        .join(""),
      "12",
    );
    assert.deepEqual(inRow([]), []);
  });
});
