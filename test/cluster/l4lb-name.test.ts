/** Protects the names under which agents find the service. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { l4lbLabel, l4lbName } from "../../src/cluster/l4lb-name.ts";

describe("load-balanced name", () => {
  it("is made by the rule of the load balancer", () => {
    const cases: [string, string][] = [
      ["dcos-registry", "dcos-registry"],
      ["/my/custom/dcos-registry", "mycustomdcos-registry"],
      ["My_DB", "my-db"],
      ["a.b_c/d", "a.b-cd"],
      ["--x-", "x"],
      ["9lives", "9lives"],
      [`${"a".repeat(62)}-b`, "a".repeat(62)],
      ["ü+x", "x"],
      ["a/-b", "a-b"],
      ["/registry", "registry"],
      ["team/_x_/registry", "team-x-registry"],
      ["a..b", "a.b"],
      ["a./.b", "a.b"],
      ["UPPER/Case.Name", "uppercase.name"],
      ["a".repeat(64), "a".repeat(63)],
      [`${"a".repeat(60)}----b`, "a".repeat(60)],
      [`${"a".repeat(63)}.${"b".repeat(70)}`, `${"a".repeat(63)}.${"b".repeat(63)}`],
      ["///", ""],
    ];
    for (const [name, label] of cases) assert.equal(l4lbLabel(name), label, name);
  });

  it("stands under the framework, in both zones", () => {
    assert.equal(l4lbName("r"), "r.marathon.l4lb.thisdcos.directory");
    assert.equal(l4lbName("r", "global"), "r.marathon.l4lb.thisdcos.global");
  });
});
