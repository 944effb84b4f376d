/** Protects the numbers that scripts branch on, and the three lines that people read. */
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import { UsageError } from "../../src/cli/cli-error.ts";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { RegistryUnreachable } from "../../src/cli/network-error.ts";
import { printError } from "../../src/cli/print-error.ts";
import { RegistryRefusal } from "../../src/cli/registry-refusal.ts";
import { DigestMismatch } from "../../src/oci/registry-error.ts";
import { BundleInvalid } from "../../src/packages/bundle-error.ts";
import { PackageInvalid } from "../../src/packages/finding.ts";

function refusal(type: string, status: number): RegistryRefusal {
  return new RegistryRefusal(type, status, "no", {}, {});
}

function printed(error: unknown, verbosity = 0): string {
  let text = "";
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const terminal = { stdout: stderr, stderr, interactive: false, columns: 80 };
  printError(error, { terminal, verbosity, command: undefined });
  return text;
}

describe("exitCodeOf", () => {
  const cases: readonly [string, unknown, number][] = [
    ["anything else", new Error("x"), 1],
    ["what is thrown without being an error", "x", 1],
    ["findings", new PackageInvalid([]), 1],
    ["usage", new UsageError("x"), 2],
    ["an unknown version", refusal("VersionNotFound", 400), 3],
    ["an unknown package", refusal("PackageNotFound", 400), 3],
    ["missing credentials", refusal("UNAUTHORIZED", 401), 4],
    ["credentials that do not suffice", refusal("DENIED", 403), 4],
    ["a status alone", refusal("whatever", 403), 4],
    ["an unreachable registry", new RegistryUnreachable("x"), 5],
    ["an overloaded registry", refusal("UNAVAILABLE", 503), 5],
    ["wrong content", new DigestMismatch("a", "b"), 6],
    ["a bundle that is none", new BundleInvalid("x"), 6],
    ["other content under the same name", refusal("PackageConflict", 409), 7],
    ["a full registry", refusal("INSUFFICIENT_STORAGE", 507), 8],
    ["a full disk here", Object.assign(new Error("x"), { code: "ENOSPC" }), 8],
    ["a request that a proxy finds too large", refusal("whatever", 413), 8],
  ];
  for (const [title, error, code] of cases) {
    it(`is ${code} for ${title}`, () => assert.equal(exitCodeOf(error), code));
  }

  it("is 1 where the original ended with 1", () => {
    assert.equal(exitCodeOf(refusal("VersionNotFound", 400), "describe"), 1);
    assert.equal(exitCodeOf(refusal("UNAUTHORIZED", 401), "describe"), 4);
  });
});

describe("printError", () => {
  it("prints what, where and what to do, with the code", () => {
    const error = new UsageError("no registry is named", { where: "--url", hint: "pass one" });
    assert.equal(
      printed(error),
      "Error: no registry is named\n  at --url\nHint: pass one   [USAGE]\n",
    );
  });

  it("takes the hint of any error that has one", () => {
    assert.equal(
      printed(new BundleInvalid("it is empty", { hint: "copy it again" })),
      "Error: it is empty\nHint: copy it again   [BUNDLE_INVALID]\n",
    );
  });

  it("prints all findings before it counts them", () => {
    const finding = { code: "E1", severity: "error", file: "a.json", message: "bad" } as const;
    const warning = { ...finding, severity: "warning", code: "W1", line: 3, column: 1 } as const;
    assert.equal(
      printed(new PackageInvalid([finding, warning])),
      "a.json: error E1: bad\na.json:3:1: warning W1: bad\n" +
        "Error: the package definition is not valid (1 error, 1 warning)\n",
    );
  });

  it("lets no message, place, hint or cause reach the terminal with control characters", () => {
    const hostile = "\u001b[2J\u0007\u009b31m\u202e";
    const cause = new Error(hostile);
    const error = new UsageError(hostile, { where: hostile, hint: hostile, cause });
    assert.match(printed(error, 2), /^[\n\t\x20-\x7e]+$/);
  });
});
