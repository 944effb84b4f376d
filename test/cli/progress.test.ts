/** Protects the form of progress, which people know and scripts read. */
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import { formatBytes } from "../../src/cli/byte-size.ts";
import { createProgress, formatBar, type ProgressMode } from "../../src/cli/progress.ts";

const full = `[${"=".repeat(38)}]`;

/** Shows a transfer of 206 MB in steps of 51.5 MB, one every `stepMs`. */
function show(mode: ProgressMode, interactive: boolean, stepMs: number, fails = false): string {
  let text = "";
  let time = 0;
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const terminal = { stdout: stderr, stderr, interactive, columns: 100 };
  const progress = createProgress(terminal, {
    mode,
    label: "File Upload progress",
    total: 206_000_000,
    subject: { type: "upload", file: "x.dcos" },
    now: () => time,
  });
  for (let step = 1; step <= 4; step += 1) {
    time += stepMs;
    progress.advance(step * 51_500_000);
  }
  if (fails) progress.fail();
  else progress.finish();
  return text;
}

describe("formatBytes", () => {
  it("prints decimal units as the original does", () => {
    const cases: readonly [number, string][] = [
      [0, "0 B"],
      [999, "999 B"],
      [1000, "1.0 kB"],
      [8_250_000, "8.3 MB"],
      [9_960_000, "10 MB"],
      [206_400_000, "206 MB"],
      [999_999_999, "1.0 GB"],
      [34_359_738_369, "34 GB"],
    ];
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  });
});

describe("formatBar", () => {
  it("has the form of the original when it is full", () => {
    const line = formatBar("File Upload progress", 206_000_000, 206_000_000, 100);
    assert.equal(line, `File Upload progress: ${full} 206 MB/206 MB`);
  });

  it("grows", () => {
    const line = formatBar("x", 50, 100, 100);
    assert.equal(line, `x: [${"=".repeat(19)}>${" ".repeat(18)}] 50 B/100 B`);
    assert.equal(formatBar("x", 0, 100, 100).indexOf(">"), 4);
  });

  it("fits into narrow terminals", () => {
    for (const columns of [20, 40, 60, 80]) {
      const line = formatBar("upload", 100, 100, columns);
      assert.ok(line.length <= Math.max(columns, 25), `${columns}: ${line.length}`);
    }
  });

  it("is full for nothing at all", () => {
    assert.equal(formatBar("x", 0, 0, 100), `x: ${full} 0 B/0 B`);
  });
});

describe("progress", () => {
  it("draws over itself on a terminal and leaves the full bar", () => {
    const drawn = show("auto", true, 1000).split("\r");
    assert.equal(drawn.length, 6);
    assert.equal(drawn.at(-1), `File Upload progress: ${full} 206 MB/206 MB\u001b[K\n`);
  });

  it("draws at most ten times a second", () => {
    assert.equal(show("auto", true, 30).split("\r").length, 3);
  });

  it("leaves the line when it fails, so that the error has its own", () => {
    assert.ok(show("auto", true, 1000, true).endsWith("\u001b[K\n"));
  });

  it("prints a line every ten seconds elsewhere, and the full bar at the end", () => {
    assert.equal(
      show("auto", false, 6000),
      "File Upload progress: 103 MB/206 MB (50 %)\n" +
        "File Upload progress: 206 MB/206 MB (100 %)\n" +
        `File Upload progress: ${full} 206 MB/206 MB\n`,
    );
  });

  it("prints NDJSON for programs", () => {
    const lines = show("json", true, 1000).trimEnd().split("\n");
    assert.deepEqual(JSON.parse(lines[0] ?? ""), {
      type: "upload",
      file: "x.dcos",
      bytes: 51_500_000,
      total: 206_000_000,
      state: "running",
    });
    assert.equal(JSON.parse(lines.at(-1) ?? "").state, "done");
    const failed = show("json", true, 1000, true).trimEnd().split("\n");
    assert.equal(JSON.parse(failed.at(-1) ?? "").state, "failed");
  });

  it("prints nothing when told so", () => {
    assert.equal(show("none", true, 1000), "");
  });
});
