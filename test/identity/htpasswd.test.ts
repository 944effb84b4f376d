/** Protects log-in by name and password. */
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import bcrypt from "bcryptjs";
import { Htpasswd, parseUsers } from "../../src/identity/htpasswd.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const right = bcrypt.hashSync("right", 4);
const other = bcrypt.hashSync("other", 4);

describe("htpasswd", () => {
  let directory: string;
  let file: string;
  let errors: unknown[];
  let now = 0;
  const open = () =>
    Htpasswd.open(file, { onError: (error) => errors.push(error), clock: () => now });
  before(async () => {
    directory = await makeScratch("htpasswd");
    file = path.join(directory, "users");
  });
  after(() => removeScratch(directory));
  beforeEach(async () => {
    errors = [];
    await writeFile(file, `# people\n\nalice:${right}\r\nbob:${other}\n`);
  });

  it("takes the right password of each user, in all of bcrypt's spellings", async () => {
    await writeFile(
      file,
      ["2a", "2b", "2y"].map((form) => `u${form}:${right.replace("$2b$", `$${form}$`)}`).join("\n"),
    );
    const users = await open();
    for (const name of ["u2a", "u2b", "u2y"]) {
      assert.ok(await users.match(name, "right"), name);
      assert.equal(await users.match(name, "wrong"), undefined);
    }
  });

  it("knows nobody else, whatever their name", async () => {
    const users = await open();
    assert.equal(await users.match("alice", "right"), right);
    for (const name of ["", "Alice", "alice ", "__proto__", "constructor", "# people", "bob"]) {
      assert.equal(await users.match(name, "right"), undefined, name);
    }
    assert.equal(await users.match("alice", ""), undefined);
  });

  it("compares with a hash of the same cost when the name is unknown", async () => {
    const costly = bcrypt.hashSync("x", 9);
    await writeFile(file, `alice:${costly}\nbob:${right}\n`);
    const users = await open();
    await users.match("warm", "up");
    const timed = async (name: string) => {
      const start = performance.now();
      await users.match(name, "guess");
      return performance.now() - start;
    };
    const times = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY };
    for (let round = 0; round < 3; round += 1) {
      times.known = Math.min(times.known, await timed("alice"));
      times.unknown = Math.min(times.unknown, await timed("nobody"));
    }
    assert.ok(times.unknown > times.known / 3, JSON.stringify(times));
  });

  it("keeps the event loop free while it compares", async () => {
    await writeFile(file, `alice:${bcrypt.hashSync("x", 9)}\n`);
    const users = await open();
    await users.match("the thread", "starts");
    const before = performance.eventLoopUtilization();
    for (let round = 0; round < 5; round += 1) await users.match("alice", "guess");
    const { utilization } = performance.eventLoopUtilization(before);
    assert.ok(utilization < 0.5, `the event loop was busy for ${utilization} of the time`);
  });

  it("lets only so many wait", async () => {
    const users = await open();
    const attempts = Array.from({ length: 80 }, () => users.match("alice", "guess"));
    const settled = await Promise.allSettled(attempts);
    const refused = settled.filter(({ status }) => status === "rejected");
    assert.equal(refused.length, 80 - 64);
    assert.equal((refused[0] as PromiseRejectedResult).reason.code, "TOOMANYREQUESTS");
    assert.equal(await users.match("alice", "right"), right);
  });

  it("refuses other hashes than bcrypt with line, name and way out, and never shows the hash", () => {
    const cases: [string, RegExp][] = [
      ["bob:$apr1$salt$q9zX", /line 2: the password of "bob" is hashed with APR1-MD5; only bcrypt/],
      ["bob:{SHA}q9zX", /hashed with SHA-1/],
      ["bob:$5$salt$q9zX", /hashed with SHA-256 crypt/],
      ["bob:$6$salt$q9zX", /hashed with SHA-512 crypt/],
      ["bob:$1$salt$q9zX", /hashed with MD5/],
      ["bob:$argon2id$q9zX", /hashed with Argon2/],
      ["bob:q9zX", /not hashed, or with crypt; .*htpasswd -B/],
      ["bob:", /is empty/],
      [`bob:${right.slice(0, -1)}`, /a damaged bcrypt hash/],
      [`bob:${right.replace("$04$", "$31$")}`, /has bcrypt cost 31; from 4 to 14/],
      ["bob", /line 2: is not NAME:HASH/],
      [`:${right}`, /is not NAME:HASH/],
      [`alice:${other}`, /line 2: "alice" twice/],
    ];
    for (const [line, message] of cases) {
      assert.throws(
        () => parseUsers("/etc/users", `alice:${right}\n${line}\n`),
        (error: Error) => {
          assert.match(error.message, /^\/etc\/users: line 2: /);
          assert.match(error.message, message);
          const secret = line.split(":")[1] ?? "";
          assert.ok(secret === "" || !error.message.includes(secret), error.message);
          return true;
        },
        line,
      );
    }
  });

  it("does not start without its file", async () => {
    const absent = path.join(directory, "absent");
    await assert.rejects(
      Htpasswd.open(absent, { onError: () => undefined }),
      /absent: cannot be read/,
    );
  });

  it("follows the file within a second", async () => {
    const users = await open();
    await writeFile(`${file}.new`, `carol:${right}\n`);
    await rename(`${file}.new`, file);
    assert.equal(await users.match("alice", "right"), right, "the file is not looked at each time");
    now += 1000;
    assert.equal(await users.match("alice", "right"), undefined);
    assert.equal(await users.match("carol", "right"), right);
  });

  it("keeps the last good users when the file breaks, and tells it once", async () => {
    const users = await open();
    await writeFile(file, "alice:plain\n");
    for (let round = 0; round < 3; round += 1) {
      now += 1000;
      assert.equal(await users.match("alice", "right"), right);
    }
    assert.equal(errors.length, 1);
    assert.match(String(errors[0]), /line 1/);
  });

  it("lets nobody in any more when the file is emptied or removed", async () => {
    const users = await open();
    await writeFile(file, "");
    now += 1000;
    assert.equal(await users.match("alice", "right"), undefined);
    await writeFile(file, `alice:${right}\n`);
    now += 1000;
    assert.equal(await users.match("alice", "right"), right);
    await rm(file);
    now += 1000;
    assert.equal(await users.match("alice", "right"), undefined);
    assert.deepEqual(errors, []);
  });
});
