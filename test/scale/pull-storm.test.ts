/** The storm's simulation keeps the bounds that arithmetic knows, so its figures can be believed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Storm, simulate } from "./pull-storm.ts";

const mebibyte = 1024 * 1024;
const layers = Array.from({ length: 8 }, () => 16 * mebibyte);
const imageBytes = 128 * mebibyte;

const usual: Storm = {
  agents: 100,
  layers,
  parallel: 3,
  agentRate: 1000 * mebibyte,
  within: 1,
  instances: 3,
  workers: 2,
  instanceRate: 400 * mebibyte,
  storeRate: 1000 * mebibyte,
  shared: true,
};

describe("a pull storm", () => {
  it("lasts at least as long as its bytes take, and not much longer", () => {
    const { first, last } = simulate(usual);
    const least = (usual.agents * imageBytes) / (usual.instances * usual.instanceRate);
    assert.ok(last > least, `${last} s, at least ${least}`);
    assert.ok(last < least * 1.35 + usual.within, `${last} s, at least ${least}`);
    assert.ok(first > 0 && first < last);
  });

  it("asks the store little more often than there are workers and layers", () => {
    const { storeBytes, storeRequests } = simulate(usual);
    const copies = usual.instances * usual.workers;
    assert.ok(storeRequests >= layers.length && storeRequests < 3 * copies * layers.length);
    assert.ok(storeBytes < 3 * copies * imageBytes, `${storeBytes / imageBytes} copies`);
  });

  it("is held up by the store when every reader fetches for himself", () => {
    const slow = { ...usual, shared: false, storeRate: 300 * mebibyte };
    const { last, storeBytes, storeRequests } = simulate(slow);
    assert.equal(storeRequests, usual.agents * layers.length);
    assert.ok(Math.abs(storeBytes / (usual.agents * imageBytes) - 1) < 1e-6);
    assert.ok(last > (usual.agents * imageBytes) / slow.storeRate);
    assert.ok(simulate({ ...slow, shared: true }).last < last / 2);
  });

  it("takes half the time with twice the instances", () => {
    const ratio = simulate(usual).last / simulate({ ...usual, instances: 6 }).last;
    assert.ok(ratio > 1.5 && ratio < 2.2, String(ratio));
  });

  it("ends for all agents when an instance is lost, later than without", () => {
    const whole = simulate(usual);
    const bereft = simulate({ ...usual, lossAt: whole.last / 4 });
    assert.ok(bereft.last > whole.last * 1.1 && bereft.last < whole.last * 2, `${bereft.last} s`);
  });
});
