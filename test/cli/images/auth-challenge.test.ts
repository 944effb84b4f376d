import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseChallenges } from "../../../src/cli/images/auth-challenge.ts";

describe("parseChallenges", () => {
  it("reads realm, service and scope, quoted or not", () => {
    const expected = {
      scheme: "bearer",
      realm: "https://a/t",
      service: "s",
      scope: "r:a:pull,push",
    };
    for (const header of [
      'Bearer realm="https://a/t",service="s",scope="r:a:pull,push"',
      'bearer realm="https://a/t", service=s , scope="r:a:pull,push"',
      'Bearer  scope="r:a:pull,push",error="insufficient_scope",service="s",realm="https://a/t"',
      'BEARER realm="https:\\/\\/a/t",service="s",scope="r:a:pull,push"',
    ]) {
      assert.deepEqual(parseChallenges([header]), expected, header);
    }
  });

  it("prefers Bearer over Basic, in one header or in several", () => {
    const bearer = { scheme: "bearer", realm: "https://a/t" };
    assert.deepEqual(parseChallenges(['Basic realm="x", Bearer realm="https://a/t"']), bearer);
    assert.deepEqual(parseChallenges(['Basic realm="x"', 'Bearer realm="https://a/t"']), bearer);
    assert.deepEqual(parseChallenges(["Basic", 'Bearer realm="https://a/t"']), bearer);
    assert.deepEqual(parseChallenges(['Negotiate, Basic realm="x"']), { scheme: "basic" });
  });

  it("finds nothing in what is no challenge, and never hangs on it", () => {
    for (const header of ["", ",", "Bearer", 'Bearer service="s"', "Digest realm=x", '="', "€"]) {
      assert.equal(parseChallenges([header]), undefined, header);
    }
    assert.equal(parseChallenges([",".repeat(100_000)]), undefined);
    assert.equal(parseChallenges([`Bearer ${'a="'.repeat(30_000)}`]), undefined);
    assert.equal(parseChallenges([]), undefined);
  });
});
