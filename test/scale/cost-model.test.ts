/**
 * The cost model against the code that it speaks of: what it predicts from two small registries has
 * to hold for a third one, and the requests of a pull and a push are those that are promised.
 */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { additionBytes, collection, rollout } from "./cost-model.ts";
import { requestsToWrite } from "./counted-store.ts";
import { blobsOfImage, cyclesWith, measureUnitCosts, type UnitCosts } from "./unit-costs.ts";

const gibibyte = 1024 ** 3;

describe("the cost model", () => {
  let units: UnitCosts;

  before(async () => {
    units = await measureUnitCosts([40, 120]);
  });

  it("knows a warm pull as one request, for the one large layer", () => {
    assert.equal(units.warmPull.requests, 1);
    assert.equal(units.revalidatingPull.writes + units.coldPull.writes, 0);
    assert.ok(units.coldPull.requests <= 2 + 2 * blobsOfImage);
  });

  it("knows a push of what is here as one without writes", () => {
    assert.equal(units.pushAgain.writes, 0);
    assert.ok(units.push.writes > blobsOfImage);
  });

  it("predicts the cycles of a registry that it has not seen", async () => {
    const images = 240;
    const { first, later } = await cyclesWith(images);
    const found = collection(units, { blobs: images * blobsOfImage, requestsPerSecond: 500 });
    assert.ok(Math.abs(found.firstRequests / first.requests - 1) < 0.05);
    assert.ok(Math.abs(found.laterRequests - later.requests) < 5, `${found.laterRequests}`);
    assert.equal(found.firstSeconds, found.firstRequests / 500);
  });

  it("counts the parts of what a bucket takes in parts", () => {
    assert.equal(requestsToWrite(100), 1);
    assert.equal(requestsToWrite(256 * 1024 * 1024), 34);
  });

  it("has the store asked by processes, not by agents, when they pull at one time", () => {
    const costs = { secondsPerManifest: 0.0001, secondsPerGibibyte: 1 };
    const three = { count: 3, workers: 2, network: gibibyte };
    const image = { bytes: gibibyte, layers: 8 };
    const few = rollout(units, costs, three, { agents: 10, image });
    const many = rollout(units, costs, three, { agents: 1000, image });
    assert.ok(many.requestsApart - many.requestsTogether >= 7900);
    assert.ok(many.requestsTogether < few.requestsTogether + 6 * 4 * many.networkSeconds);
    assert.equal(many.networkSeconds, 1000 / 3);
  });

  it("has an addition write the catalogue once for each of its steps", () => {
    const grown = additionBytes(units, 1000) - additionBytes(units, 0);
    assert.ok(grown > 1000 * 200 && grown < 1000 * 2000, `${grown} bytes`);
  });
});
