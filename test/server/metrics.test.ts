/** Metrics are a contract: their names stand in CONTRIBUTING.md, and no other ones appear. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { register } from "prom-client";
import { exposeCertificate } from "../../src/server/certificate-health.ts";
import { defineGauge, metricTable, observeRequest } from "../../src/server/metrics.ts";
import {
  exposeCollection,
  exposeCoordination,
  exposeDisk,
  exposeQuota,
  exposeScrub,
  storageMetrics,
} from "../../src/server/storage-metrics.ts";
import { DiskRoom } from "../../src/storage/disk-room.ts";

const space = { free: 150, total: 1000, freeFiles: 0, totalFiles: 0 };

function exposeAll(): void {
  exposeDisk(new DiskRoom({ measure: async () => space }));
  exposeQuota({ state: async () => ({ quota: 100, used: 91, counted: true, level: "low" }) });
  exposeCoordination({ kind: "local-only", failedStep: "a second create was taken" });
  exposeScrub(async () => ({ damages: [] }));
  exposeCollection(async () => ({ state: "waiting", cycles: 3 }));
  exposeCertificate(() => ({ beginsMs: 0, expiresMs: 5000, issuer: "CN=any" }));
}

describe("metrics", () => {
  it("are all in the documented table, which CONTRIBUTING.md repeats", async () => {
    exposeAll();
    const table = await metricTable();
    const page = new URL("../../../CONTRIBUTING.md", import.meta.url);
    assert.ok((await readFile(page, "utf8")).includes(table), `it should hold:\n${table}`);
  });

  it("tell what the storage did, by operation and outcome", async () => {
    storageMetrics.operation("load", "done", 0.001);
    storageMetrics.operation("save", "full", 0.001);
    storageMetrics.read(10);
    storageMetrics.written(20);
    observeRequest("GET", 200, 0.001);
    const text = await register.metrics();
    const name = "dcos_registry_storage_operation_duration_seconds_count";
    assert.match(text, new RegExp(`^${name}\\{operation="load",outcome="done"\\} 1$`, "m"));
    assert.match(text, new RegExp(`^${name}\\{operation="save",outcome="full"\\} 1$`, "m"));
    assert.match(text, /^dcos_registry_storage_read_bytes_total 10$/m);
    assert.match(text, /^dcos_registry_storage_written_bytes_total 20$/m);
  });

  it("tell how much room there is, and that it is short", async () => {
    exposeAll();
    const text = await register.metrics();
    assert.match(text, /^dcos_registry_storage_free_bytes 150$/m);
    assert.match(text, /^dcos_registry_storage_floor_bytes 100$/m);
    assert.match(text, /^dcos_registry_storage_full 0.5$/m);
    assert.match(text, /^dcos_registry_quota_bytes 100$/m);
    assert.match(text, /^dcos_registry_quota_used_bytes 91$/m);
    assert.match(text, /^dcos_registry_quota_full 0.5$/m);
    assert.match(text, /^dcos_registry_gc_state 0$/m);
    assert.match(text, /^dcos_registry_gc_cycles 3$/m);
    assert.match(text, /^dcos_registry_certificate_expires_timestamp_seconds 5$/m);
  });

  it("tell what the probe of the storage has found", async () => {
    exposeAll();
    const labels = 'mode="local-only",failed_step="a second create was taken"';
    const text = await register.metrics();
    assert.ok(text.includes(`dcos_registry_storage_coordination{${labels}} 1\n`), text);
  });

  it("go on telling of the rest when the quota cannot be asked", async () => {
    exposeAll();
    exposeQuota({ state: () => Promise.reject(new Error("the store is away")) });
    const text = await register.metrics();
    assert.match(text, /^dcos_registry_storage_free_bytes 150$/m);
    assert.doesNotMatch(text, /^dcos_registry_quota_bytes/m);
    exposeAll();
  });

  it("leave out what is not known yet, and can be defined anew", async () => {
    defineGauge("test_figure", "a figure", "sum", () => undefined);
    assert.doesNotMatch(await register.metrics(), /^test_figure/m);
    defineGauge("test_figure", "a figure", "sum", async () => 7);
    assert.match(await register.metrics(), /^test_figure 7$/m);
    register.removeSingleMetric("test_figure");
  });
});
