/** Protects real packages: what should migrate does, unchanged in meaning, the rest is refused as documented. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import Draft4 from "ajv-draft-04";
import { PackageInvalid } from "../../src/packages/finding.ts";
import { formatDefinition, migratePackage } from "../../src/packages/migrate-package.ts";
import { parseMetadata } from "../../src/packages/parse-metadata.ts";
import { readBuildDefinition } from "../../src/packages/read-build-definition.ts";
import { renderMarathon } from "../../src/packages/render-marathon.ts";

const universe = process.env["UNIVERSE_DIR"];
const skip = universe ? false : "UNIVERSE_DIR names no copy of the public catalogue";

/** Codes of the samples that are too old. */
const refusals: Readonly<Record<string, readonly string[]>> = {
  "edgelb-pool/300": ["E110"],
  "dcos-enterprise-cli/1301": ["E110"],
  "hdfs/4": ["E110", "E104"],
  "quobyte/1": ["E110"],
};

/** Warnings that the samples were chosen for, without their texts. */
const expectedWarnings: Readonly<Record<string, readonly string[]>> = {
  "alluxio-enterprise/3": ["W131", "W145"],
  "cassandra/29": ["W220"],
  "cockroachdb/2": ["W145"],
  "grafana/6": ["W141", "W141"],
  "kubernetes/3400": ["W220"],
  "miniod/0": ["W203", "W221", "W221"],
  "portworx/1300": ["W202", "W202", "W202", "W147"],
  "spark-history/1100": ["W131", "W201"],
  "spinnaker/4": ["W147"],
  "dcos-ui/8": [],
  "kubernetes-cluster/2610": [],
  "datastax-dse/700": [],
};

interface Sample {
  readonly name: string;
  readonly directory: string;
}

function samples(): Sample[] {
  if (!universe) return [];
  const root = path.join(universe, "packages");
  return readdirSync(root).flatMap((letter) =>
    readdirSync(path.join(root, letter)).flatMap((name) =>
      readdirSync(path.join(root, letter, name)).map((release) => ({
        name: `${name}/${release}`,
        directory: path.join(root, letter, name, release),
      })),
    ),
  );
}

async function schema(name: string) {
  const text = await readFile(path.join(universe ?? "", "schema", name), "utf8");
  const ajv = new Draft4.default({ strict: false, validateFormats: false, allErrors: true });
  const validate = ajv.compile(JSON.parse(text));
  return (document: unknown) => assert.ok(validate(document), JSON.stringify(validate.errors));
}

describe("the public catalogue", { skip }, () => {
  let output: string;
  before(async () => {
    output = await mkdtemp(path.join(tmpdir(), "universe-"));
  });
  after(() => rm(output, { recursive: true, force: true }));

  const migrate = (packageDirectory: string) =>
    migratePackage({ packageDirectory, outputDirectory: output, workingDirectory: "/" });

  it("is here with all its samples", () => assert.equal(samples().length, 29));

  for (const { name, directory } of samples()) {
    const codes = refusals[name];
    if (codes) {
      it(`refuses ${name} with ${codes.join(" and ")}`, async () => {
        await assert.rejects(migrate(directory), (error) => {
          assert.ok(error instanceof PackageInvalid);
          const errors = error.findings.filter(({ severity }) => severity === "error");
          assert.deepEqual(
            errors.map(({ code }) => code),
            codes,
          );
          assert.ok(errors[0]?.hint);
          return true;
        });
      });
      continue;
    }

    it(`migrates ${name} into what its own schemas and all our readers take`, async () => {
      const { file, definition, findings } = await migrate(directory);
      const warned = findings.filter(({ code }) => code !== "W200").map(({ code }) => code);
      const expected = expectedWarnings[name];
      if (expected) assert.deepEqual(warned, expected);
      const document = JSON.parse(await readFile(file, "utf8"));
      (await schema("build-definition-schema.json"))(document);
      (await schema("metadata-schema.json"))(document);
      assert.deepEqual((await readBuildDefinition(file, "/")).definition, definition);
      assert.deepEqual(parseMetadata(formatDefinition(definition)), definition);
    });

    it(`keeps every field and byte of ${name}`, async () => {
      const { definition } = await migrate(directory);
      const read = async (entry: string) =>
        readFile(path.join(directory, entry)).catch(() => undefined);
      const json = async (entry: string) => JSON.parse((await read(entry))?.toString() ?? "null");
      const { selected: _, ...fields } = await json("package.json");
      const { marathon, resource, config, ...kept } = definition;
      assert.deepEqual(kept, fields);
      assert.deepEqual(config ?? null, await json("config.json"));
      assert.deepEqual(resource ?? null, await json("resource.json"));
      const template = Buffer.from(marathon?.v2AppMustacheTemplate ?? "", "base64");
      assert.deepEqual(template, (await read("marathon.json.mustache")) ?? Buffer.alloc(0));
    });

    it(`renders the app of ${name} with its defaults`, async () => {
      const { definition } = await migrate(directory);
      const rendered = renderMarathon(definition);
      if (definition.marathon === undefined) assert.equal(rendered, undefined);
      else assert.equal(typeof JSON.parse(rendered ?? "").id, "string");
    });
  }

  it("turns a repository's package object into the same definition", async () => {
    const directory = samples().find(({ name }) => name === "hello-world/700")?.directory ?? "";
    const { file, definition } = await migrate(directory);
    assert.deepEqual(JSON.parse(await readFile(file, "utf8")), definition);
    const { definition: read } = await readBuildDefinition(file, "/");
    assert.deepEqual(formatDefinition(read), await readFile(file));
  });
});
