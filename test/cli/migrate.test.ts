/** Protects what scripts read from `migrate`: its one line, its JSON, its exit code. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";
import { definition, directory, json, packageFields } from "../packages/definition-fixture.ts";
import { runInProcess } from "./run-in-process.ts";

const files = {
  "pkg/package.json": json({ ...packageFields, selected: true }),
  "pkg/stray.txt": "",
  "bad/package.json": json({ ...packageFields, packagingVersion: "3.0" }),
};

describe("migrate", () => {
  it("prints the original's line on stdout and warnings on stderr", async (test) => {
    const workingDirectory = await directory(test, { ...files, "out/.keep": "" });
    const args = ["registry", "migrate", "--package-directory=pkg", "--output-directory", "out"];
    const { code, stdout, stderr } = await runInProcess(args, { workingDirectory });
    assert.equal(stdout, "Created DC/OS Build Definition out/demo-1.0.json\n");
    assert.equal(
      stderr,
      "pkg/stray.txt: warning W222: stray.txt is not part of a package; ignored\n",
    );
    assert.equal(code, 0);
    const written = await readFile(path.join(workingDirectory, "out/demo-1.0.json"), "utf8");
    assert.deepEqual(JSON.parse(written), packageFields);
  });

  it("prints only the path with --json, the current directory being the default", async (test) => {
    const workingDirectory = await directory(test, files);
    const args = ["migrate", "--package-directory", "pkg", "--json"];
    const { code, stdout } = await runInProcess(args, { workingDirectory });
    assert.deepEqual(JSON.parse(stdout), { name: "./demo-1.0.json" });
    assert.equal(code, 0);
  });

  it("mentions dropped fields when asked to be verbose, and nothing when told to be quiet", async (test) => {
    const workingDirectory = await directory(test, files);
    const args = ["migrate", "--package-directory", "pkg"];
    const verbose = await runInProcess([...args, "--verbose"], { workingDirectory });
    assert.match(
      verbose.stderr,
      /package\.json:\d+:3: warning W200: "selected" is ignored by the registry/,
    );
    const quiet = await runInProcess([...args, "--quiet"], { workingDirectory });
    assert.equal(quiet.stderr, "");
  });

  it("ends with 1 and the findings on stderr when the package is refused", async (test) => {
    const workingDirectory = await directory(test, files);
    const { code, stdout, stderr } = await runInProcess(["migrate", "--package-directory", "bad"], {
      workingDirectory,
    });
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^bad\/package\.json:2:3: error E110: .*\n {2}hint: .*\nError: the package definition is not valid \(1 error\)\n$/,
    );
  });

  it("prints the findings as JSON, alone on stdout, with --json", async (test) => {
    const workingDirectory = await directory(test, files);
    const args = ["migrate", "--package-directory", "bad", "--json"];
    const { code, stdout, stderr } = await runInProcess(args, { workingDirectory });
    assert.equal(code, 1);
    const { findings, ok } = JSON.parse(stdout);
    assert.equal(ok, false);
    assert.deepEqual(Object.keys(findings[0]), [
      "code",
      "severity",
      "file",
      "line",
      "column",
      "pointer",
      "message",
      "hint",
    ]);
    assert.deepEqual([findings.length, findings[0].code, findings[0].line], [1, "E110", 2]);
    assert.match(stderr, /Error: the package definition is not valid \(1 error\)\n$/);
  });

  it("refuses warnings with --strict", async (test) => {
    const workingDirectory = await directory(test, files);
    const args = ["migrate", "--package-directory", "pkg", "--strict"];
    const { code, stderr } = await runInProcess(args, { workingDirectory });
    assert.equal(code, 1);
    assert.match(stderr, /error W222/);
  });

  it("says that the output directory is missing", async (test) => {
    const workingDirectory = await directory(test, files);
    const args = ["migrate", "--package-directory", "pkg", "--output-directory", "none"];
    const { code, stderr } = await runInProcess(args, { workingDirectory });
    assert.equal(code, 1);
    assert.match(stderr, /Error: the output directory none does not exist\n/);
  });

  it("ends with 2 without a package directory", async () => {
    const { code, stderr } = await runInProcess(["migrate"]);
    assert.equal(code, 2);
    assert.match(stderr, /--package-directory/);
  });

  it("takes a hostile directory name for what it is", async (test) => {
    const workingDirectory = await directory(test, {
      "\u001b[31m/package.json": json(definition()),
    });
    const { stderr } = await runInProcess(["migrate", "--package-directory", "\u001b[31m"], {
      workingDirectory,
    });
    assert.equal(stderr.includes("\u001b"), false);
  });
});
