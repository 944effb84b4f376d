/**
 * What the registry accepts at `add` never breaks a cluster's Cosmos: definitions changed at random,
 * and whatever still passes our validation has to pass Cosmos' decoders in all three forms.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { before, describe, it } from "node:test";
import { downgradeEntry } from "../../src/catalog/entry-downgrade.ts";
import { repositoryEntry } from "../../src/catalog/repository-entry.ts";
import { profiles } from "../../src/cosmos/client-profile.ts";
import { checkDecoding } from "../../src/cosmos/decoding-rules.ts";
import { fileReferences } from "../../src/cosmos/references.ts";
import { formatViolation, Violations } from "../../src/cosmos/violation.ts";
import { PackageInvalid } from "../../src/packages/finding.ts";
import type { PackageDefinition } from "../../src/packages/package-definition.ts";
import { parseMetadata } from "../../src/packages/parse-metadata.ts";
import { publishedPackage } from "../catalog/published-package.ts";
import { type Random, random } from "../random.ts";
import { CatalogSchemas } from "./schema-rules.ts";

const universe = process.env["UNIVERSE_DIR"];
const locations = { publicUrl: "https://registry.test", imageHost: "registry.test:443" };
const rounds = 3000;

const [icon, screen, binary] = [1, 2, 3].map((digit) => `${String(digit).repeat(64)}/file`);
const bundled = new Set<unknown>([icon, screen, binary]);

const base = {
  packagingVersion: "4.0",
  name: "hello",
  version: "1.0",
  maintainer: "ops@example.test",
  description: "Says hello",
  tags: ["greeting"],
  scm: "https://scm.test",
  website: "https://web.test",
  framework: true,
  preInstallNotes: "pre",
  postInstallNotes: "post",
  postUninstallNotes: "gone",
  licenses: [{ name: "Apache", url: "https://licence.test" }],
  minDcosReleaseVersion: "1.10",
  lastUpdated: 1_570_000_000,
  hasKnownIssues: true,
  upgradesFrom: ["*"],
  downgradesTo: ["1.0"],
  marathon: { v2AppMustacheTemplate: "e30=" },
  config: {
    type: "object",
    properties: { a: { type: "string", description: 'say "x"', default: '"y"' } },
  },
  resource: {
    assets: {
      uris: { app: `${"0".repeat(64)}/app.tgz`, kept: "" },
      container: { docker: { db: "acme/db:1" } },
    },
    images: { "icon-small": icon, screenshots: [screen] },
    cli: {
      binaries: {
        linux: {
          "x86-64": {
            kind: "executable",
            url: binary,
            contentHash: [{ algo: "sha256", value: "2".repeat(64) }],
          },
        },
      },
    },
  },
};

const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  "",
  " ",
  "a b",
  "\ud800",
  "1.09",
  "99999999999.1",
  "1.0-beta",
  "3.0",
  "5.0",
  "e30",
  "/w==",
  "https://[",
  "javascript:alert(1)",
  "*",
  "x".repeat(300),
  [],
  [null],
  ["a b"],
  [[]],
  {},
  { packageName: "m" },
  { packageName: 1 },
  { docker: null },
  { linux: {} },
  { v2AppMustacheTemplate: 1 },
  { "": "" },
];
const oddKeys = [
  "selected",
  "command",
  "manager",
  "releaseVersion",
  "__proto__",
  "constructor",
  "",
];

type Node = Record<string, unknown>;

/** Changes one to three places of a copy: another value, no value, or one more key. */
function changed({ integer, pick }: Random): Node {
  const copy: Node = structuredClone(base);
  for (let left = integer(1, 3); left > 0; left -= 1) {
    const nodes = objectsIn(copy);
    const node = pick(nodes);
    const keys = Object.keys(node);
    const key = integer(0, 4) === 0 || keys.length === 0 ? pick(oddKeys) : pick(keys);
    if (integer(0, 3) === 0) delete node[key];
    else {
      Object.defineProperty(node, key, {
        value: structuredClone(pick(oddValues)),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
  return copy;
}

function objectsIn(value: unknown): Node[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Node, ...Object.values(value).flatMap(objectsIn)];
}

/** Accepted by the registry, or undefined: icons and CLI binaries must be files of the bundle. */
function accepted(changedOne: Node): PackageDefinition | undefined {
  try {
    const definition = parseMetadata(Buffer.from(JSON.stringify(changedOne)));
    const files = fileReferences([{ ...definition }]).filter(({ kind }) => kind !== "uri");
    return files.every(({ url }) => bundled.has(url)) ? definition : undefined;
  } catch (error) {
    if (error instanceof PackageInvalid) return undefined;
    throw error;
  }
}

function broken(definition: PackageDefinition, schemas: CatalogSchemas | undefined): string[] {
  const published = publishedPackage({ definition });
  const assets = [...bundled].map((path) => ({
    path: String(path),
    digest: published.record.root,
    size: 1,
    mediaType: "application/octet-stream",
  }));
  const record = { ...published.record, assets };
  const current = repositoryEntry({ ...published, record }, locations);
  const violations = new Violations();
  for (const profile of profiles) {
    const [version] = profile.reads;
    if (version !== "v5" && current.packagingVersion === "5.0") continue;
    const entry = version === "v3" ? downgradeEntry(current) : current;
    // As text and back, because that is what travels.
    const json: unknown = JSON.parse(JSON.stringify({ packages: [entry] }));
    const place = violations.at(`${version} ${JSON.stringify(definition)}`);
    const { packagingVersions } = profile;
    checkDecoding(json, { own: true, packagingVersions }, place);
    if (version !== undefined) schemas?.check(json, version, place);
  }
  return violations.found.map(formatViolation);
}

describe("definitions that the registry accepts", () => {
  let survivors: PackageDefinition[];

  before(() => {
    const chance = random(22);
    const definitions = Array.from({ length: rounds }, () => accepted(changed(chance)));
    survivors = definitions.filter((one) => one !== undefined);
  });

  it("are enough of those tried for the test to mean something", () => {
    assert.ok(survivors.length > rounds / 50, `${survivors.length} of ${rounds} were accepted`);
    assert.ok(survivors.length < rounds / 2, `${survivors.length} of ${rounds} were accepted`);
  });

  it("are decoded by Cosmos of every generation", () => {
    const [first] = survivors.flatMap((one) => broken(one, undefined));
    assert.equal(first, undefined);
  });

  it("keep to the schemas of the catalogue", {
    skip: universe ? false : "UNIVERSE_DIR is not set",
  }, async () => {
    const schemas = await CatalogSchemas.read(path.join(universe ?? "", "schema"));
    const [first] = survivors.flatMap((one) => broken(one, schemas));
    assert.equal(first, undefined);
  });
});
