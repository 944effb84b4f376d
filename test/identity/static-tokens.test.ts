/** Protects log-in by tokens from a file. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { parseTokens, StaticTokens } from "../../src/identity/static-tokens.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const first = "first-token-0123456789";
const second = "second-token-0123456789";

const fail = (error: unknown) => {
  throw error;
};

describe("static tokens", () => {
  let directory: string;
  let file: string;
  before(async () => {
    directory = await makeScratch("tokens");
    file = path.join(directory, "tokens");
  });
  after(() => removeScratch(directory));

  it("are known by their line, whole and exactly", async () => {
    await writeFile(file, `# deployment\n${first}\n\n  ${second}\r\n`);
    const tokens = await StaticTokens.open(file, { onError: fail });
    assert.equal(await tokens.lineOf(first), 2);
    assert.equal(await tokens.lineOf(second), 4);
    for (const text of ["", first.slice(1), `${first} `, first.toUpperCase(), "# deployment"]) {
      assert.equal(await tokens.lineOf(text), undefined, text);
    }
  });

  it("follow the file, and are withdrawn with it", async () => {
    let now = 0;
    const errors: unknown[] = [];
    await writeFile(file, first);
    const options = { onError: (error: unknown) => errors.push(error), clock: () => now };
    const tokens = await StaticTokens.open(file, options);
    await writeFile(file, second);
    now += 1000;
    assert.equal(await tokens.lineOf(first), undefined);
    assert.equal(await tokens.lineOf(second), 1);
    await writeFile(file, "short");
    now += 1000;
    assert.equal(await tokens.lineOf(second), 1, "a mistake locks nobody out");
    assert.equal(errors.length, 1);
    await rm(file);
    now += 1000;
    assert.equal(await tokens.lineOf(second), undefined);
  });

  it("are refused with their line, and never shown, when they cannot work", () => {
    const cases: [string, RegExp][] = [
      ["", /tokens: holds no token/],
      ["# only\n", /holds no token/],
      ["short-token", /line 1: a token has at least 16 characters/],
      ["two words are no token", /line 1: a token is printable ASCII without blanks/],
      ["tökens-of-sixteen-and-more", /printable ASCII/],
      ["x".repeat(5000), /at most 4096 characters/],
    ];
    for (const [text, message] of cases) {
      assert.throws(
        () => parseTokens("tokens", text),
        (error: Error) => {
          assert.match(error.message, message);
          assert.ok(text === "" || !error.message.includes(text));
          return true;
        },
      );
    }
  });
});
