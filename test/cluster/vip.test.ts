/** Protects that services which share a load-balanced name are noticed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { collide, isVipLabel, parseNamedVip } from "../../src/cluster/vip.ts";

describe("named VIP", () => {
  it("is read from a port label, split at the last colon", () => {
    assert.deepEqual(parseNamedVip("/dcos-registry:443"), { name: "dcos-registry", port: 443 });
    assert.deepEqual(parseNamedVip("/a/b:c:80"), { name: "a/b:c", port: 80 });
    for (const none of ["10.0.0.1:443", "/name", "name:443", "/:443", "/name:x", ""]) {
      assert.equal(parseNamedVip(none), undefined, none);
    }
  });

  it("comes from labels whose key begins with VIP, in one case or the other", () => {
    assert.deepEqual(
      ["VIP_0", "VIP", "vip1", "Vip_0", "MYVIP", "DCOS_SERVICE_NAME"].map(isVipLabel),
      [true, true, true, false, false, false],
    );
  });

  it("collides with names that differ only in what the rule drops", () => {
    const colliding: [string, string][] = [
      ["my/custom", "mycustom"],
      ["/my/custom", "my/custom"],
      ["my_db", "my-db"],
      ["Registry", "registry"],
      ["a/b/c", "ab/c"],
      [`${"x".repeat(63)}1`, `${"x".repeat(63)}2`],
    ];
    for (const [name, other] of colliding) {
      assert.ok(collide({ name, port: 443 }, { name: other, port: 443 }), `${name} ${other}`);
      assert.ok(!collide({ name, port: 443 }, { name: other, port: 80 }), "another port");
    }
    for (const [name, other] of [
      ["my/custom", "my-custom"],
      ["registry", "dcos-registry"],
      ["a.b", "ab"],
    ]) {
      assert.ok(!collide({ name: name ?? "", port: 443 }, { name: other ?? "", port: 443 }), name);
    }
  });
});
