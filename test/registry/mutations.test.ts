/**
 * Shows that no guard of the storage protocol is there in vain, or untested: each is taken out of a
 * copy of the compiled code, and then the test fails that is named for it.
 */
import assert from "node:assert/strict";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { run } from "../fixtures/program.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot } from "../fixtures/server-process.ts";
import { type Guard, guards } from "./mutations/guards.ts";

describe("guards of the storage protocol", { concurrency: 2 }, () => {
  let scratch: string;
  before(async () => {
    scratch = await makeScratch("guards");
  });
  after(() => removeScratch(scratch));

  /** A copy of what was compiled, with one guard taken out. */
  async function mutant(guard: Guard, at: number): Promise<string> {
    const root = path.join(scratch, String(at));
    await mkdir(root);
    await cp(path.join(projectRoot, "dist"), path.join(root, "dist"), {
      recursive: true,
      filter: (source) => !/\.map$|dist\/test\/(?:cli|cosmos|http|packages|real|tls)$/.test(source),
    });
    await cp(path.join(projectRoot, "package.json"), path.join(root, "package.json"));
    await symlink(path.join(projectRoot, "node_modules"), path.join(root, "node_modules"));
    const file = path.join(root, "dist/src", `${guard.file}.js`);
    const code = await readFile(file, "utf8");
    assert.equal(code.split(guard.text).length, 2, `${guard.file} has once: ${guard.text}`);
    await writeFile(
      file,
      code.replace(guard.text, () => guard.without),
    );
    const check = await run(process.execPath, ["--check", file]);
    assert.equal(check.code, 0, check.stderr);
    return root;
  }

  for (const [at, guard] of guards.entries()) {
    it(`fails without: ${guard.name}`, async () => {
      const root = await mutant(guard, at);
      const tests = path.join(root, "dist/test/registry");
      const { failing } = guard;
      const args =
        typeof failing === "number"
          ? [path.join(tests, "walk/worker.js"), String(failing), "300"]
          : [path.join(tests, `${failing}.test.js`)];
      const { code, stdout } = await run(process.execPath, args, { cwd: root });
      assert.notEqual(code, 0, `nothing noticed it:\n${stdout.slice(-2000)}`);
    });
  }
});
