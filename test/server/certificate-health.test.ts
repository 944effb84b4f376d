/** Protects what operators are told about a certificate before its end surprises them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { certificateCheck } from "../../src/server/certificate-health.ts";

describe("health of the certificate", () => {
  const life = { beginsMs: 0, expiresMs: 600_000, issuer: "CN=Cluster CA" };
  const standIn = { ...life, issuer: "CN=DC/OS Package Registry development CA 01234567" };
  const at = (now: number, certificate = life, fromCluster = true) =>
    certificateCheck(
      () => certificate,
      fromCluster,
      () => now,
    ).run();

  it("is well until renewals must have failed for a while", async () => {
    assert.deepEqual(await at(499_000), { healthy: true, message: "Good until 1970-01-01." });
    const late = { healthy: false, message: "Not renewed; it ends on 1970-01-01." };
    assert.deepEqual(await at(501_000), late);
    const over = { healthy: false, message: "The certificate ended on 1970-01-01." };
    assert.deepEqual(await at(600_000), over);
  });

  it("tells a stand-in, but only where the cluster's CA is to sign", async () => {
    const { healthy, message } = await at(0, standIn);
    assert.equal(healthy, false);
    assert.match(message, /has not signed a certificate yet: a stand-in is served/);
    assert.equal((await at(0, standIn, false)).healthy, true);
  });
});
