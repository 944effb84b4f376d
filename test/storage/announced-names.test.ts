/**
 * Protects lists that are made from memory: whatever was acknowledged before a list was asked for is
 * right in it, and a directory that somebody writes to is not read for each page.
 */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { AnnouncedNames } from "../../src/storage/announced-names.ts";
import { random } from "../random.ts";

const prefix = "tag/many/";

/** A directory whose answers can be held back: what is read is what was there when it was asked. */
class Directory {
  readonly names = new Set<string>();
  reads = 0;
  lookUps = 0;
  /** Of each answer. */
  delay: () => Promise<void> = async () => undefined;

  async read(): Promise<readonly string[]> {
    this.reads += 1;
    const found = [...this.names].sort();
    await this.delay();
    return found;
  }

  async exists(key: string): Promise<boolean> {
    this.lookUps += 1;
    const here = this.names.has(key.slice(prefix.length));
    await this.delay();
    return here;
  }
}

describe("AnnouncedNames", () => {
  let directory: Directory;
  let names: AnnouncedNames;
  let now: number;

  beforeEach(() => {
    now = 0;
    directory = new Directory();
    for (let at = 0; at < 200; at += 1) directory.names.add(`name-${1000 + at}`);
    names = new AnnouncedNames({
      read: () => directory.read(),
      exists: (key) => directory.exists(key),
      isAnnounced: (asked) => asked === prefix,
      clock: () => now,
    });
    names.trustUntil(1_000_000);
  });

  const has = async (name: string): Promise<boolean> => (await names.sorted(prefix)).includes(name);

  it("reads a directory once, and looks up what is announced", async () => {
    await names.sorted(prefix);
    for (let at = 0; at < 50; at += 1) {
      const open = names.close(`${prefix}name-${1100 + at}-new`);
      directory.names.add(`name-${1100 + at}-new`);
      open();
      assert.deepEqual(await names.sorted(prefix), [...directory.names].sort());
    }
    assert.equal(directory.reads, 1);
    assert.equal(directory.lookUps, 50);
    await names.sorted(prefix);
    assert.equal(directory.lookUps, 50, "nothing is in doubt any more");
  });

  it("shows no more what was removed, and shows what came back", async () => {
    await names.sorted(prefix);
    for (const here of [false, true, false]) {
      const open = names.close(`${prefix}name-1100`);
      if (here) directory.names.add("name-1100");
      else directory.names.delete("name-1100");
      open();
      assert.equal(await has("name-1100"), here);
    }
    assert.equal(directory.reads, 1);
  });

  it("looks a name up for as long as its change is under way", async () => {
    await names.sorted(prefix);
    const open = names.close(`${prefix}soon`);
    assert.equal(await has("soon"), false);
    directory.names.add("soon");
    assert.ok(await has("soon"));
    directory.names.delete("soon");
    assert.equal(await has("soon"), false);
    open();
    open();
  });

  it("doubts what was announced before, or while, the directory was read", async () => {
    const before = names.close(`${prefix}before`);
    let arrive = (): void => undefined;
    directory.delay = () => new Promise((resolve) => (arrive = resolve));
    const reading = names.sorted(prefix);
    const during = names.close(`${prefix}during`);
    directory.names.add("before").add("during");
    directory.delay = async () => undefined;
    arrive();
    await reading;
    assert.ok(await has("before"));
    assert.ok(await has("during"));
    before();
    during();
    assert.ok(await has("before"));
    assert.equal(directory.reads, 1);
  });

  it("reads the directory for each answer while it may not hear of changes", async () => {
    await names.sorted(prefix);
    now = 1_000_000;
    directory.names.add("unannounced");
    assert.ok(await has("unannounced"));
    assert.ok(await has("unannounced"));
    assert.equal(directory.reads, 3);
  });

  it("reads again after everything was forgotten", async () => {
    await names.sorted(prefix);
    directory.names.add("meanwhile");
    names.clear();
    assert.ok(await has("meanwhile"));
  });

  it("does not keep a reading that began before everything was forgotten", async () => {
    let arrive = (): void => undefined;
    directory.delay = () => new Promise((resolve) => (arrive = resolve));
    const reading = names.sorted(prefix);
    names.clear();
    directory.names.add("meanwhile");
    directory.delay = async () => undefined;
    arrive();
    await reading;
    assert.ok(await has("meanwhile"));
  });

  it("reads the directory where very much is in doubt, once", async () => {
    await names.sorted(prefix);
    for (let at = 0; at < 500; at += 1) names.close(`${prefix}new-${at}`)();
    await names.sorted(prefix);
    await names.sorted(prefix);
    assert.equal(directory.reads, 2);
    assert.equal(directory.lookUps, 0);
  });

  it("notices within seconds what nobody announced", async () => {
    await names.sorted(prefix);
    directory.names.add("unannounced");
    assert.equal(await has("unannounced"), false);
    now += 2000;
    await names.sorted(prefix);
    await turn();
    assert.ok(await has("unannounced"));
  });

  it("goes on after a reading that failed", async () => {
    directory.delay = () => Promise.reject(new Error("EIO"));
    await assert.rejects(names.sorted(prefix), /EIO/);
    directory.delay = async () => undefined;
    assert.ok(await has("name-1000"));
  });

  it("keeps no small directory, and none with directories in it", async () => {
    for (const name of [...directory.names].slice(0, 100)) directory.names.delete(name);
    await names.sorted(prefix);
    await names.sorted(prefix);
    assert.equal(directory.reads, 2);
    for (let at = 0; at < 100; at += 1) directory.names.add(`more-${at}`);
    directory.names.add("directory/");
    await names.sorted(prefix);
    await names.sorted(prefix);
    assert.equal(directory.reads, 4);
  });

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`is right about everything acknowledged, whatever overtakes what (seed ${seed})`, () =>
      walk(seed));
  }

  async function walk(seed: number): Promise<void> {
    const { integer } = random(seed);
    const pass = async (most: number): Promise<void> => {
      for (let turns = integer(0, most); turns > 0; turns -= 1) await turn();
    };
    directory.delay = () => pass(integer(0, 3) === 0 ? 40 : 6);
    /** How each name's last change ended; absent while it is changing. */
    const acknowledged = new Map<string, { readonly here: boolean }>();
    let working = 4;

    const change = async (name: string, here: boolean): Promise<void> => {
      acknowledged.delete(name);
      const open = names.close(prefix + name);
      await pass(6);
      if (here) directory.names.add(name);
      else directory.names.delete(name);
      await pass(6);
      // Whoever acknowledges a change does not wait until all others know that it is over.
      const openLate = integer(0, 1) === 0;
      if (!openLate) open();
      acknowledged.set(name, { here });
      await pass(6);
      open();
    };
    const write = async (writer: number): Promise<void> => {
      for (let step = 0; step < 150; step += 1) {
        // Names of its own: two writers of one name would not know what is right.
        await change(`name-${1000 + integer(0, 9)}-${writer}`, integer(0, 1) === 0);
        now += integer(0, 400);
        await pass(2);
      }
      working -= 1;
    };
    const check = async (): Promise<void> => {
      const expected = new Map(acknowledged);
      const found = new Set(await names.sorted(prefix));
      for (const [name, last] of expected) {
        // One that has begun to change since may be seen either way.
        if (acknowledged.get(name) === last) assert.equal(found.has(name), last.here, name);
      }
    };
    const read = async (): Promise<void> => {
      while (working > 0) {
        await check();
        if (integer(0, 200) === 0) names.clear();
        await turn();
      }
    };
    await Promise.all([...[0, 1, 2, 3].map(write), read(), read(), read()]);
    assert.ok(directory.lookUps > 100 && directory.reads > 3, "nothing to overtake");
  }
});
