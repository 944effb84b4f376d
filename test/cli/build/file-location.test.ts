import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { locate, printableUrl, sourceOf } from "../../../src/cli/build/file-location.ts";

type Kind = "asset" | "icon" | "screenshot" | "cli";

function served(url: string, kind: Kind = "asset") {
  const location = locate({ kind, url });
  if (location.kind !== "url" && location.kind !== "path") return location.kind;
  return [location.name, location.notes.length];
}

describe("locate", () => {
  it("serves a file under the last segment of its source", () => {
    assert.deepEqual(served("https://example.org/a/b.tar.gz"), ["b.tar.gz", 0]);
    assert.deepEqual(served("https://example.org/agent"), ["agent", 0]);
    assert.deepEqual(served("https://example.org/x#part"), ["x", 0]);
    assert.deepEqual(served("dist/scheduler.zip"), ["scheduler.zip", 0]);
    assert.deepEqual(served("/abs/scheduler.zip"), ["scheduler.zip", 0]);
  });

  it("drops queries, with a note", () => {
    assert.deepEqual(served("https://example.org/a.png?raw=true", "icon"), ["a.png", 1]);
  });

  it("keeps escapes for assets, and for nothing else", () => {
    assert.deepEqual(served("https://example.org/a%2Bb.tgz"), ["a%2Bb.tgz", 0]);
    assert.deepEqual(served("https://example.org/a%20b.png", "icon"), ["a_b.png", 1]);
    assert.deepEqual(served("https://example.org/dcos%2Btool", "cli"), ["dcos+tool", 1]);
  });

  it("replaces what cannot stand in a URL or a path, with a note", () => {
    assert.deepEqual(served("https://example.org/a(1);b"), ["a_1__b", 1]);
    assert.deepEqual(served("https://example.org/..%2Fpasswd"), [".._passwd", 1]);
    assert.deepEqual(served("https://example.org/%2e%2e%00"), [".._", 1]);
    assert.deepEqual(served("local file.zip"), ["local_file.zip", 1]);
    const [name] = served(`https://example.org/${"x".repeat(300)}.zip`) as [string, number];
    assert.equal(name.length, 255);
    assert.ok(name.endsWith(".zip"));
  });

  it("tells the start of a URL, and nothing at all, from a file", () => {
    for (const url of ["https://example.org", "https://example.org/", "https://example.org/a/"]) {
      assert.equal(served(url), "prefix");
    }
    assert.equal(served(""), "none");
  });
});

describe("what is shown and kept of a source", () => {
  it("never holds user and password", () => {
    const url = "https://user:secret@example.org/a?b=c@d";
    assert.equal(printableUrl(url), "https://***@example.org/a?b=c@d");
    assert.equal(sourceOf(url), "https://***@example.org/a");
    assert.equal(printableUrl("https://example.org/a@b"), "https://example.org/a@b");
  });

  it("never holds a query, which may be a signature, when it is kept", () => {
    assert.equal(sourceOf("https://example.org/a?signature=secret#x"), "https://example.org/a");
    assert.equal(sourceOf("./local.zip"), "./local.zip");
  });
});
