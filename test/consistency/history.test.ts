/** The checker of histories accepts what may happen, and nothing else. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { History, type Value } from "./history.ts";

const stale = 2000;

describe("a history of one name", () => {
  let history: History;
  beforeEach(() => {
    history = new History();
  });
  const write = (value: Value, startMs: number, endMs?: number): void =>
    history.write({ value, startMs, ...(endMs !== undefined && { endMs }) });
  const read = (value: Value, startMs: number, endMs = startMs + 10): void =>
    history.read({ value, startMs, endMs });
  const faults = (): number => history.faults(stale).length;

  it("may show the old and the new value while a write is on its way, and the old one for a while", () => {
    write("a", 0, 10);
    write("b", 100, 200);
    for (const at of [20, 150, 300, 2150]) read("a", at);
    read("b", 95, 101);
    assert.equal(faults(), 0);
    read("a", 2201);
    assert.equal(faults(), 1);
  });

  it("must not show what was never written, or not yet", () => {
    write("a", 100, 200);
    read("b", 300);
    read("a", 50, 99);
    assert.equal(faults(), 2);
  });

  it("must not show nothing once there is something", () => {
    read(undefined, 0);
    write("a", 100, 200);
    read(undefined, 150);
    assert.equal(faults(), 0);
    read(undefined, 201);
    assert.equal(faults(), 1);
  });

  it("may show nothing after a deletion, and until the next write is over", () => {
    write("a", 0, 10);
    write(undefined, 100, 200);
    read(undefined, 150);
    read("a", 2100);
    write("b", 3000, 3100);
    read(undefined, 3050);
    assert.equal(faults(), 0);
    read(undefined, 3101);
    assert.equal(faults(), 1);
  });

  it("takes a write without an answer for done, for not done, or for late", () => {
    write("a", 0, 10);
    write("b", 100);
    read("a", 9000);
    read("b", 9100);
    assert.equal(faults(), 0);
    assert.deepEqual(history.possible, ["a", "b"]);
  });

  it("ends with a write that no acknowledged one has followed", () => {
    write("a", 0, 10);
    write("b", 20, 100);
    write("c", 50, 80);
    assert.deepEqual(history.possible, ["b", "c"]);
    write("d", 200, 210);
    assert.deepEqual(history.possible, ["d"]);
  });

  it("lets one of two writes replace the same state", () => {
    history.write({ value: "a", startMs: 0, endMs: 10 });
    history.write({ value: "b", startMs: 20, endMs: 30, expected: "a" });
    history.write({ value: "c", startMs: 20, endMs: 30, expected: "b" });
    assert.equal(faults(), 0);
    history.write({ value: "d", startMs: 25, endMs: 40, expected: "a" });
    assert.equal(faults(), 1);
  });
});
