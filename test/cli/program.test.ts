/** Protects the frame: how commands are found, what global options do, how failures end. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import type { CliContext } from "../../src/cli/context.ts";
import { runInProcess } from "./run-in-process.ts";

const source = path.resolve(import.meta.dirname, "../../../src");

describe("the command line", () => {
  it("prints its version", async () => {
    assert.deepEqual(await runInProcess(["--version"]), { code: 0, stdout: "1.2.3\n", stderr: "" });
    assert.equal((await runInProcess(["registry", "--version"])).stdout, "1.2.3\n");
  });

  it("prints one line about itself for the DC/OS CLI", async () => {
    const { code, stdout } = await runInProcess(["registry", "--info"]);
    assert.deepEqual([code, stdout], [0, "Manage the packages of the DC/OS Package Registry\n"]);
  });

  it("lists the commands with --help, with and without the word registry", async () => {
    const { code, stdout } = await runInProcess(["--help"]);
    assert.equal(code, 0);
    for (const { name } of commandTable) assert.match(stdout, new RegExp(`\n  ${name} `));
    assert.equal((await runInProcess(["registry", "--help"])).stdout, stdout);
  });

  it("takes the word registry only as a command", async () => {
    const { code, stderr } = await runInProcess(["registry", "registry"]);
    assert.match(stderr, /^Error: unknown command 'registry'\n/);
    assert.equal(code, 2);
  });

  it("says for every command what --help says for all", async () => {
    for (const { name, summary, load } of commandTable) {
      const command = (await load())(contextOfNothing());
      assert.equal(command.name(), name);
      assert.equal(command.description(), summary);
    }
  });

  it("prints the help of a command with --help and help COMMAND", async () => {
    const { code, stdout } = await runInProcess(["registry", "describe", "--help"]);
    assert.match(stdout, /^Usage: dcos-registry describe \[options\]\n/);
    assert.match(stdout, /--package-version <version>/);
    assert.equal(code, 0);
    assert.equal((await runInProcess(["help", "describe"])).stdout, stdout);
  });

  it("prints its help on stderr and ends with 2 when nothing is asked", async () => {
    const { code, stdout, stderr } = await runInProcess([]);
    assert.match(stderr, /^Usage: dcos-registry \[options\] \[command\]\n/);
    assert.deepEqual([code, stdout], [2, ""]);
  });

  it("ends with 2 for what it does not know, and suggests what was meant", async () => {
    const cases: readonly [readonly string[], RegExp][] = [
      [["ad"], /^Error: unknown command 'ad'\nHint: Did you mean add\? See: dcos-registry --help/],
      [
        ["list", "--jsno"],
        /^Error: unknown option '--jsno'\nHint: Did you mean --json\? See: dcos/,
      ],
      [["add"], /^Error: required option '--dcos-file <file>' not specified\nHint: See: dcos-reg/],
      [["list", "extra"], /^Error: too many arguments for 'list'/],
      [
        ["add", "--dcos-file=x", "--progress=x"],
        /^Error: option '--progress <mode>' argument 'x' is/,
      ],
      [["--url", "https://x", "list"], /^Error: unknown option '--url'/],
    ];
    for (const [args, pattern] of cases) {
      const { code, stdout, stderr } = await runInProcess(args);
      assert.match(stderr, pattern);
      assert.match(stderr, / {3}\[USAGE\]\n$/);
      assert.deepEqual([code, stdout], [2, ""]);
    }
  });

  it("takes every option from a variable, too, and lets the option win", async () => {
    const environment = { DCOS_REGISTRY_DCOS_FILE: "from-variable.dcos" };
    const byVariable = await runInProcess(["add"], { environment });
    assert.match(byVariable.stderr, /^Error: no such file\n {2}at from-variable\.dcos\n/);
    const byOption = await runInProcess(["add", "--dcos-file", "from-option.dcos"], {
      environment,
    });
    assert.match(byOption.stderr, /\n {2}at from-option\.dcos\n/);
  });

  it("refuses a variable with a value that the option would not take", async () => {
    const environment = { DCOS_REGISTRY_PROGRESS: "loud" };
    const { code, stderr } = await runInProcess(["add", "--dcos-file=x"], { environment });
    assert.match(stderr, /^Error: Allowed choices are .*\n {2}at DCOS_REGISTRY_PROGRESS=loud\n/);
    assert.equal(code, 2);
  });

  it("prints causes with -v, stacks only with -vv, wherever it stands", async () => {
    const args = ["add", "--dcos-file", "missing.dcos"];
    assert.doesNotMatch((await runInProcess(args)).stderr, /caused by|at async/);
    assert.match((await runInProcess(["-v", ...args])).stderr, /\n {2}caused by: ENOENT/);
    assert.doesNotMatch((await runInProcess([...args, "-v"])).stderr, /at async/);
    assert.match((await runInProcess([...args, "-vv"])).stderr, /\n +at async /);
  });

  it("colours the label on a terminal that takes colours, unless --no-color", async () => {
    const args = ["add", "--dcos-file", "missing.dcos"];
    const colored = await runInProcess(args, { color: true });
    assert.ok(colored.stderr.startsWith("\u001b[31mError:\u001b[0m no such file"));
    const plain = await runInProcess([...args, "--no-color"], { color: true });
    assert.ok(plain.stderr.startsWith("Error: no such file"));
  });
});

describe("start-up", () => {
  it("loads no command, no HTTP client and no validator before one is asked for", async () => {
    const loaded = await staticImports("cli.ts", new Set());
    assert.ok(loaded.has("cli/program.ts"));
    for (const heavy of ["undici", "ajv", "tar-stream", "cli/add.ts", "cli/registry-client.ts"]) {
      assert.ok(!loaded.has(heavy), heavy);
    }
  });
});

function contextOfNothing(): CliContext {
  const { stdout, stderr } = process;
  return {
    terminal: { stdout, stderr, interactive: false, columns: 80 },
    environment: {},
    workingDirectory: "/nonexistent",
    signal: new AbortController().signal,
  };
}

/** What is loaded when `file` is: own files relative to src/, packages by name. */
async function staticImports(file: string, seen: Set<string>): Promise<Set<string>> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = await readFile(path.join(source, file), "utf8");
  const statements = text.matchAll(/^(?:import|export)\s(type\s)?[^;]*?from\s"([^"]+)";/gms);
  for (const [, type, target = ""] of statements) {
    if (type !== undefined || target.startsWith("node:")) continue;
    if (target.startsWith(".")) await staticImports(path.join(path.dirname(file), target), seen);
    else seen.add(target);
  }
  return seen;
}
