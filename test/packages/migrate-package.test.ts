/** Protects `migrate`: what it makes of a directory, what it refuses, and that it leaves nothing behind. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { formatFinding } from "../../src/packages/finding.ts";
import { migratePackage } from "../../src/packages/migrate-package.ts";
import type { JsonObject } from "../../src/packages/package-definition.ts";
import { readBuildDefinition } from "../../src/packages/read-build-definition.ts";
import {
  base64,
  config,
  definition,
  directory,
  json,
  packageFields,
  printed,
  resource,
  template,
} from "./definition-fixture.ts";

type Files = Record<string, string | Buffer>;

function packageFiles(change: Files = {}): Files {
  return {
    "pkg/package.json": json({ ...packageFields, selected: true }),
    "pkg/resource.json": json(resource),
    "pkg/config.json": json(config),
    "pkg/marathon.json.mustache": template,
    ...change,
  };
}

async function migrate(test: TestContext, change: Files = {}, strict = false) {
  const root = await directory(test, { ...packageFiles(change), "out/.keep": "" });
  const migration = await migratePackage({
    packageDirectory: "pkg",
    outputDirectory: "out",
    workingDirectory: root,
    strict,
  });
  return { root, migration };
}

/** The printed findings of a directory that is refused; nothing may have been written. */
async function refused(test: TestContext, files: Files, strict = false): Promise<string[]> {
  const root = await directory(test, { ...files, "out/.keep": "" });
  const lines = await printed(() =>
    migratePackage({
      packageDirectory: "pkg",
      outputDirectory: "out",
      workingDirectory: root,
      strict,
    }),
  );
  assert.deepEqual(await readdir(path.join(root, "out")), [".keep"]);
  return lines;
}

function warnings(migration: {
  findings: readonly Parameters<typeof formatFinding>[0][];
}): string[] {
  return migration.findings.filter(({ code }) => code !== "W200").map(formatFinding);
}

function withUris(uris: JsonObject): Files {
  return {
    "pkg/resource.json": json({ ...resource, assets: { uris } }),
    "pkg/marathon.json.mustache": "{}",
  };
}

describe("migratePackage", () => {
  it("puts everything into one document, keys in the documented order, final newline", async (test) => {
    const { root, migration } = await migrate(test);
    assert.equal(migration.file, "out/demo-1.0.json");
    const bytes = await readFile(path.join(root, "out/demo-1.0.json"), "utf8");
    assert.equal(bytes, `${JSON.stringify(definition(), undefined, 2)}\n`);
    assert.deepEqual(warnings(migration), []);
  });

  it("orders keys by the table, and keeps the order of config as it is", async (test) => {
    const shuffled = Object.fromEntries(Object.entries({ ...packageFields, scm: "x" }).reverse());
    const ordered = {
      type: "object",
      properties: { z: { type: "string" }, a: { type: "string" } },
    };
    const { migration } = await migrate(test, {
      "pkg/package.json": json(shuffled),
      "pkg/config.json": json(ordered),
      "pkg/marathon.json.mustache": "{}",
    });
    assert.deepEqual(Object.keys(migration.definition), [
      ...Object.keys(packageFields),
      ...["scm", "marathon", "resource", "config"],
    ]);
    assert.deepEqual(Object.keys(Object(migration.definition.config?.["properties"])), ["z", "a"]);
  });

  it("writes the same bytes twice, over what was there", async (test) => {
    const { root } = await migrate(test);
    const file = path.join(root, "out/demo-1.0.json");
    const first = await readFile(file);
    await writeFile(file, "something else, longer than the definition".repeat(100));
    await migratePackage({
      packageDirectory: "pkg/",
      outputDirectory: "out/",
      workingDirectory: root,
    });
    assert.deepEqual(await readFile(file), first);
    assert.deepEqual((await readdir(path.join(root, "out"))).sort(), [".keep", "demo-1.0.json"]);
  });

  it("gives what `build` reads as the same definition", async (test) => {
    const { root, migration } = await migrate(test);
    const read = await readBuildDefinition(migration.file, root);
    assert.deepEqual(read.definition, migration.definition);
  });

  it("needs package.json only, and leaves empty documents out", async (test) => {
    const root = await directory(test, {
      "pkg/package.json": json(packageFields),
      "pkg/config.json": "{}",
      "pkg/resource.json": "{}",
    });
    const options = { packageDirectory: "pkg", outputDirectory: ".", workingDirectory: root };
    const { definition: migrated, file } = await migratePackage(options);
    assert.deepEqual(migrated, packageFields);
    assert.equal(file, "./demo-1.0.json");
  });

  it("keeps the template's bytes, line ends included, but no byte order mark", async (test) => {
    const content = '{\r\n  "id": "ü"\r\n}\r\n';
    const { migration } = await migrate(test, { "pkg/marathon.json.mustache": `\ufeff${content}` });
    assert.equal(migration.definition.marathon?.v2AppMustacheTemplate, base64(content));
    assert.match(warnings(migration)[0] ?? "", /^pkg\/marathon\.json\.mustache:1:1: warning W102/);
  });

  it("re-writes relative asset paths for the directory of the output", async (test) => {
    const uris = {
      tool: "dist/tool.zip",
      up: "../shared.bin",
      odd: "a:b".replace("a:b", "dist/c:d"),
    };
    const { root, migration } = await migrate(test, {
      ...withUris(uris),
      "pkg/dist/tool.zip": "zip",
      "pkg/dist/c:d": "x",
      "shared.bin": "bin",
    });
    assert.deepEqual(migration.definition.resource?.assets?.uris, {
      tool: "../pkg/dist/tool.zip",
      up: "../shared.bin",
      odd: "../pkg/dist/c:d",
    });
    assert.deepEqual(warnings(migration), []);
    const { findings } = await readBuildDefinition(migration.file, root);
    assert.deepEqual(findings, []);
  });

  it("re-writes to a path that cannot be taken for a URL", async (test) => {
    const root = await directory(test, {
      ...packageFiles(withUris({ a: "x/c:d" })),
      "pkg/x/c:d": "",
    });
    const output = { packageDirectory: "pkg", outputDirectory: "pkg/x", workingDirectory: root };
    const { definition: migrated } = await migratePackage(output);
    assert.deepEqual(migrated.resource?.assets?.uris, { a: "./c:d" });
  });

  it("refuses on warnings when told to be strict", async (test) => {
    const files = packageFiles(withUris({ a: "http://example.org/a" }));
    const lines = await refused(test, files, true);
    assert.deepEqual(
      lines.filter((line) => line.includes("error")),
      [
        'pkg/resource.json:4:7: error W141: asset "a" is fetched over plain http [at /assets/uris/a]',
      ],
    );
  });

  it("leaves no half-written file when the target cannot be replaced", async (test) => {
    const root = await directory(test, packageFiles());
    await mkdir(path.join(root, "out/demo-1.0.json/x"), { recursive: true });
    await assert.rejects(
      migratePackage({ packageDirectory: "pkg", outputDirectory: "out", workingDirectory: root }),
    );
    assert.deepEqual(await readdir(path.join(root, "out")), ["demo-1.0.json"]);
  });
});

describe("what migrate refuses", () => {
  const cases: [name: string, change: Files, ...patterns: RegExp[]][] = [
    [
      "packaging version 3.0, with the way out",
      { "pkg/package.json": json({ ...packageFields, packagingVersion: "3.0" }) },
      /^pkg\/package\.json:2:3: error E110: packaging version 3\.0 is not supported; the registry needs 4\.0 or 5\.0 \[at \/packagingVersion\]\n {2}hint: this package uses nothing that 4\.0 removed: set "packagingVersion" to "4\.0"/,
    ],
    [
      "2.0 with command.json, with another way out",
      {
        "pkg/package.json": json({ ...packageFields, packagingVersion: "2.0" }),
        "pkg/command.json": "{}",
      },
      /E110: packaging version 2\.0 .*\n {2}hint: command\.json \(pip\) is not supported from 4\.0 on/,
    ],
    [
      "command.json in 4.0",
      { "pkg/command.json": "{}" },
      /^pkg\/command\.json: error E112: not allowed with packaging version 4\.0\n {2}hint: command\.json \(pip\)/,
    ],
    [
      "a missing field",
      { "pkg/package.json": json({ ...packageFields, maintainer: undefined }) },
      /^pkg\/package\.json: error E113: "maintainer" is missing \[at \/maintainer\]$/,
    ],
    [
      "fields that stand elsewhere",
      { "pkg/package.json": json({ ...packageFields, config: {} }) },
      /^pkg\/package\.json:10:3: error E114: unknown field "config" \[at \/config\]\n {2}hint: it stands in config\.json$/,
    ],
    [
      "documents that are no objects",
      { "pkg/config.json": "[]", "pkg/resource.json": "1", "pkg/package.json": '"x"' },
      /^pkg\/config\.json:1:1: error E105: expected a JSON object, found an array$/,
      /^pkg\/package\.json:1:1: error E105: .* found "x"$/,
      /^pkg\/resource\.json:1:1: error E105: .* found the number 1$/,
    ],
    [
      "a template that does not parse",
      { "pkg/marathon.json.mustache": '{\n  "user": {{#service.user}}"x"\n}' },
      /^pkg\/marathon\.json\.mustache:2:11: error E130: section "service\.user" is never closed$/,
    ],
    [
      "a template that does not render to JSON, naming the option that is missing",
      {
        "pkg/marathon.json.mustache": '{\n  "id": "x",\n  "cpus": {{service.gpus}},\n  "mem": 1\n}',
      },
      /^pkg\/marathon\.json\.mustache:3:11: error E131: the rendered app is not JSON with the default options: expected a value but found ',' because option "service\.gpus" has no default\n {6}2 \| {3}"id": "x",\n {4}> 3 \| {3}"cpus": ,\n {6}4 \| {3}"mem": 1$/,
    ],
    [
      "a template whose own text is wrong",
      { "pkg/marathon.json.mustache": '{\n  "id": "{{service.name}}"\n  "mem": 1\n}' },
      /^pkg\/marathon\.json\.mustache:3:3: error E131: .* expected ',' or '\}' but found '"mem"'/,
    ],
    [
      "a template that renders to no object",
      { "pkg/marathon.json.mustache": "[]" },
      /^pkg\/marathon\.json\.mustache:1:1: error E131: the rendered app must be a JSON object, not an array$/,
    ],
    [
      "an empty template",
      { "pkg/marathon.json.mustache": "" },
      /^pkg\/marathon\.json\.mustache:1:1: error E131: .*the text is empty/,
    ],
    [
      "asset paths that lead nowhere",
      withUris({ "scheduler-zip": "dist/scheduler.zip" }),
      /^pkg\/resource\.json:4:7: error E140: asset "scheduler-zip": no such file: dist\/scheduler\.zip \[at \/assets\/uris\/scheduler-zip\]$/,
    ],
    [
      "a directory as an asset",
      withUris({ all: "../out" }),
      /E140: asset "all": not a regular file: \.\.\/out /,
    ],
    [
      "other schemes",
      withUris({ x: "ftp://example.org/x" }),
      /error E141: asset "x": URL scheme "ftp" is not supported \(https, http or a file path\) \[at \/assets\/uris\/x\]$/,
    ],
    [
      "what looks like a URL but is none",
      withUris({ x: "https://exa mple.org/x" }),
      /error E141: asset "x": "https:\/\/exa mple\.org\/x" is no URL/,
    ],
    [
      "image references that no registry takes",
      {
        "pkg/resource.json": json({ assets: { container: { docker: { x: "Foo/Bar:1" } } } }),
        "pkg/marathon.json.mustache": "{}",
      },
      /error E147: image "Foo\/Bar:1" is not a valid reference: /,
    ],
  ];
  for (const [name, change, ...patterns] of cases) {
    it(name, async (test) => {
      const lines = (await refused(test, packageFiles(change))).filter((line) =>
        line.includes("error"),
      );
      assert.equal(lines.length, patterns.length, lines.join("\n"));
      patterns.forEach((pattern, index) => {
        assert.match(lines[index] ?? "", pattern);
      });
    });
  }

  it("everything at once: all files are checked in one run, sorted by file and line", async (test) => {
    const lines = await refused(test, {
      "pkg/package.json": '{"packagingVersion":"4.0",\n"name":"X",\n"version":"+"}',
      "pkg/resource.json": "{,}",
      "pkg/config.json": json({ type: 1 }),
      "pkg/marathon.json.mustache": "{{#a}}",
    });
    const places = lines
      .filter((line) => line.includes("error"))
      .map((line) => line.slice(0, line.indexOf(":", line.indexOf("error"))));
    assert.deepEqual(places, [
      "pkg/config.json:2:3: error E120",
      "pkg/marathon.json.mustache:1:1: error E130",
      "pkg/package.json: error E113",
      "pkg/package.json: error E113",
      "pkg/package.json: error E113",
      "pkg/package.json:2:1: error E115",
      "pkg/package.json:3:1: error E116",
      "pkg/resource.json:1:2: error E103",
    ]);
  });

  it("a directory that is not there, a file in its place, a directory without package.json", async (test) => {
    assert.deepEqual(await refused(test, {}), ["pkg: error E100: no such directory"]);
    assert.deepEqual(await refused(test, { pkg: "x" }), [
      "pkg: error E100: a file; --package-directory takes the directory that contains package.json",
    ]);
    assert.deepEqual(await refused(test, { "pkg/readme": "" }), [
      "pkg/package.json: error E101: missing (a package needs at least package.json)",
    ]);
  });

  it("the directory of a package with its releases, naming the last of them", async (test) => {
    const files = {
      "pkg/0/package.json": "{}",
      "pkg/200/package.json": "{}",
      "pkg/100/package.json": "{}",
    };
    assert.deepEqual(await refused(test, files), [
      "pkg/package.json: error E101: missing (a package needs at least package.json)\n  hint: pkg contains releases 0, 100, 200; pass one of them, e.g. pkg/200",
    ]);
  });

  it("links in a circle and directories in place of files", async (test) => {
    const root = await directory(test, { "pkg/package.json": json(packageFields) });
    await symlink("config.json", path.join(root, "pkg/config.json"));
    await mkdir(path.join(root, "pkg/resource.json"));
    const options = { packageDirectory: "pkg", outputDirectory: ".", workingDirectory: root };
    assert.deepEqual(await printed(() => migratePackage(options)), [
      "pkg/config.json: error E101: too many symbolic links",
      "pkg/resource.json: error E101: a directory, not a file",
    ]);
  });
});

describe("what migrate warns of", () => {
  const cases: [name: string, change: Files, ...lines: RegExp[]][] = [
    [
      "plain http",
      withUris({ a: "http://example.org/a" }),
      /W141: asset "a" is fetched over plain http/,
    ],
    ["empty strings", withUris({ a: "" }), /W145: asset "a" is empty/],
    [
      "servers and directories",
      withUris({ a: "https://example.org", b: "https://example.org/b/" }),
      /W145: asset "a" \(https:\/\/example\.org\) names a server or directory.*\n {2}hint: .*--keep-url=a$/,
      /W145: asset "b"/,
    ],
    [
      "placeholders",
      withUris({ a: "https://example.org/{{version}}.zip" }),
      /W221: asset "a" holds the unrendered placeholder/,
    ],
    [
      "hidden packages",
      { "pkg/package.json": json({ ...packageFields, minDcosReleaseVersion: "9999" }) },
      /package\.json:\d+:3: warning W223: minDcosReleaseVersion "9999" hides this package/,
    ],
    [
      "unrendered version patterns",
      { "pkg/package.json": json({ ...packageFields, upgradesFrom: ["{{upgrades-from}}"] }) },
      /W221: upgradesFrom\[0\] is the unrendered placeholder "\{\{upgrades-from\}\}" \[at \/upgradesFrom\/0\]/,
    ],
    [
      "stray files",
      { "pkg/options-example.json": "{}", "pkg/.hidden": "" },
      /^pkg\/options-example\.json: warning W222: options-example\.json is not part of a package; ignored$/,
    ],
    [
      "images without tag",
      {
        "pkg/resource.json": json({
          assets: {
            container: {
              docker: { a: "redis", b: "x/y:latest", c: "z@sha256:".concat("0".repeat(64)) },
            },
          },
        }),
        "pkg/marathon.json.mustache": "{}",
      },
      /W147: image "redis" has no tag; "latest" is bundled/,
      /W147: image "x\/y:latest" is bundled as it is at build time/,
    ],
    [
      "asset keys that are not there",
      { "pkg/marathon.json.mustache": '{"a":\n"{{resource.assets.uris.archive_zip}}"}' },
      /^pkg\/marathon\.json\.mustache:2:4: warning W220: resource\.assets\.uris\.archive_zip is not in resource\.json \(did you mean archive-zip\?\)$/,
    ],
    [
      "downloads at run time",
      { "pkg/marathon.json.mustache": '{"a":\n"curl https://example.org/x"}' },
      /mustache:2:7: warning W203: downloads https:\/\/example\.org\/x at run time$/,
    ],
    [
      "literal images",
      {
        "pkg/marathon.json.mustache":
          '{"container":{"docker":{"image":\n"quay.io/acme/x:{{service.name}}"}}}',
      },
      /mustache:2:2: warning W203: image "quay\.io\/acme\/x:demo" is not in assets: agents would pull it from quay\.io$/,
    ],
    [
      "bundled images that the template names itself",
      { "pkg/marathon.json.mustache": '{"container":{"docker":{"image":\n"acme/server:1.2"}}}' },
      /mustache:2:2: warning W202: image "acme\/server:1\.2" is bundled, but the template names it: agents would pull it from Docker Hub$/,
    ],
  ];
  for (const [name, change, ...patterns] of cases) {
    it(name, async (test) => {
      const { migration } = await migrate(test, change);
      const lines = warnings(migration);
      assert.equal(lines.length, patterns.length, lines.join("\n"));
      patterns.forEach((pattern, index) => {
        assert.match(lines[index] ?? "", pattern);
      });
    });
  }

  it("images and URLs that come from the defaults of options", async (test) => {
    const options = {
      image: "acme/other:1",
      agent_image: "acme/server:1.2",
      mirror: "https://example.org/m",
    };
    const properties = Object.fromEntries(
      Object.entries(options).map(([key, value]) => [key, { default: value }]),
    );
    const { migration } = await migrate(test, {
      "pkg/config.json": json({ type: "object", properties }),
      "pkg/marathon.json.mustache":
        '{"image":"{{image}}","env":{"A":"{{agent_image}}","M":"{{mirror}}"}}',
    });
    const [other, bundled, url] = warnings(migration);
    assert.match(
      other ?? "",
      /W201: option "image" defaults to image "acme\/other:1", which is not in assets: agents would pull it from Docker Hub$/,
    );
    assert.match(
      bundled ?? "",
      /W202: image "acme\/server:1\.2" is bundled, but the app takes it from the default of option "agent_image"/,
    );
    assert.match(
      url ?? "",
      /W203: option "mirror" defaults to https:\/\/example\.org\/m, outside the registry$/,
    );
    assert.equal(warnings(migration).length, 3);
  });

  it("nothing inside the cluster, and nothing that is bundled", async (test) => {
    const app =
      '{"a":"http://marathon.mesos:8080","b":"http://$HOST:1","c":"http://127.0.0.1/","d":"http://x.marathon.l4lb.thisdcos.directory","e":"{{resource.assets.uris.archive-zip}}","f":"http://localhost:{{service.cpus}}/x"}';
    const { migration } = await migrate(test, { "pkg/marathon.json.mustache": app });
    assert.deepEqual(warnings(migration), []);
  });

  it("required options without default: rendered with placeholders instead", async (test) => {
    const properties = { license: { type: "string" }, count: { type: "integer" } };
    const { migration } = await migrate(test, {
      "pkg/config.json": json({ type: "object", required: ["license", "count"], properties }),
      "pkg/marathon.json.mustache": '{"count":{{count}}}',
    });
    assert.deepEqual(warnings(migration), [
      "pkg/config.json:1:1: warning W131: not checked with defaults: required options without default: license, count",
    ]);
  });
});
