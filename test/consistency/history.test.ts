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

  it("may show on one instance what another one has replaced, but not what it has replaced itself", () => {
    write("a", 0, 10);
    history.write({ value: "b", startMs: 100, endMs: 200, at: 1 });
    history.read({ value: "a", startMs: 300, endMs: 310, at: 2 });
    history.read({ value: "a", startMs: 150, endMs: 310, at: 1 });
    read("a", 300);
    assert.equal(faults(), 0);
    history.read({ value: "a", startMs: 201, endMs: 310, at: 1 });
    assert.equal(faults(), 1);
    history.write({ value: "c", startMs: 400, endMs: 500, at: 2 });
    history.read({ value: "c", startMs: 600, endMs: 610, at: 1 });
    assert.equal(faults(), 1);
  });

  it("may be late with nothing only where that is said, and never on the instance that wrote", () => {
    history.write({ value: "a", startMs: 0, endMs: 100, at: 1 });
    const late = { value: undefined, endMs: 9000, mayBeLate: true };
    history.read({ ...late, startMs: 2050, at: 2 });
    assert.equal(faults(), 0);
    history.read({ ...late, startMs: 2101, at: 2 });
    history.read({ ...late, startMs: 101, at: 1 });
    assert.equal(faults(), 2);
  });

  it("may show again what was written again", () => {
    write("a", 0, 10);
    write(undefined, 100, 200);
    write("a", 5000, 5100);
    read("a", 6000);
    read(undefined, 5050);
    assert.equal(faults(), 0);
    read("a", 4000);
    read(undefined, 5101);
    assert.equal(faults(), 2);
    assert.deepEqual(history.possible, ["a"]);
  });

  it("is checked in no time when it is long", () => {
    for (let turn = 0; turn < 100_000; turn += 1) {
      const value = turn % 3 === 0 ? undefined : `v${turn}`;
      write(value, 10 * turn, 10 * turn + 5);
      read(value, 10 * turn + 6, 10 * turn + 9);
    }
    const begun = performance.now();
    assert.equal(faults(), 0);
    assert.deepEqual(history.possible, [undefined]);
    // A step for each pair of events would take minutes.
    assert.ok(performance.now() - begun < 20_000);
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
