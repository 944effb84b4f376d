/** Protects every Cosmos: metadata that one of them could not decode is refused, with its reason. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { JsonObject, JsonValue } from "../../src/packages/package-definition.ts";
import { parseMetadata } from "../../src/packages/parse-metadata.ts";
import {
  base64,
  config,
  definition,
  findingsOf,
  hash,
  json,
  resource,
} from "./definition-fixture.ts";

function cli(change: JsonObject): JsonObject {
  const binary = {
    contentHash: [{ algo: "sha256", value: hash }],
    kind: "zip",
    url: "a/b",
    ...change,
  };
  return { resource: { cli: { binaries: { linux: { "x86-64": binary } } } } };
}

const refused: [code: string, change: JsonObject, message: RegExp, pointer: string][] = [
  [
    "E110",
    { packagingVersion: "3.0" },
    /3\.0 is not supported; the registry needs 4\.0 or 5\.0/,
    "/packagingVersion",
  ],
  [
    "E111",
    { packagingVersion: "6.0" },
    /"6\.0" is unknown; known: 4\.0, 5\.0/,
    "/packagingVersion",
  ],
  [
    "E111",
    { packagingVersion: 4 },
    /must be the string "4\.0", not the number 4/,
    "/packagingVersion",
  ],
  ["E115", { name: "My_App" }, /name "My_App" is not allowed/, "/name"],
  ["E115", { name: "a" }, /at least 2 characters/, "/name"],
  ["E115", { name: "a".repeat(129) }, /at most 128/, "/name"],
  ["E116", { version: "1.0+build1" }, /version "1\.0\+build1" is not allowed/, "/version"],
  ["E117", { maintainer: 5 }, /maintainer must be a string, found the number 5/, "/maintainer"],
  ["E117", { description: null }, /description must be a string, found null/, "/description"],
  [
    "E117",
    { tags: ["a", "b", "big data"] },
    /tags\[2\] "big data" must not contain white space/,
    "/tags/2",
  ],
  ["E117", { tags: [""] }, /tags\[0\] must not be empty/, "/tags/0"],
  ["E117", { tags: "big-data" }, /tags must be an array, found "big-data"/, "/tags"],
  ["E117", { framework: "yes" }, /framework must be true or false/, "/framework"],
  [
    "E117",
    { lastUpdated: "2019-10-01" },
    /lastUpdated must be an integer \(seconds since 1970\), found "2019-10-01"/,
    "/lastUpdated",
  ],
  ["E117", { lastUpdated: 1.5 }, /lastUpdated must be an integer/, "/lastUpdated"],
  [
    "E117",
    { minDcosReleaseVersion: "1.09" },
    /minDcosReleaseVersion "1\.09"/,
    "/minDcosReleaseVersion",
  ],
  ["E117", { minDcosReleaseVersion: "1.2147483648" }, /beyond 32 bits/, "/minDcosReleaseVersion"],
  [
    "E117",
    { minDcosReleaseVersion: "1.10-beta" },
    /minDcosReleaseVersion/,
    "/minDcosReleaseVersion",
  ],
  [
    "E117",
    { licenses: [{ name: "x", url: "LICENSE" }] },
    /licenses\[0\]\.url "LICENSE" is not an http or https URL/,
    "/licenses/0/url",
  ],
  [
    "E117",
    { licenses: [{ name: "x", url: "https://a b/" }] },
    /is not an http or https URL/,
    "/licenses/0/url",
  ],
  [
    "E117",
    { licenses: [{ name: "x", url: "https://a/%zz" }] },
    /is not an http or https URL/,
    "/licenses/0/url",
  ],
  ["E113", { licenses: [{ name: "x" }] }, /"url" is missing in licenses\[0\]/, "/licenses/0/url"],
  [
    "E114",
    { licenses: [{ name: "x", url: "https://a/", spdx: "y" }] },
    /unknown field "spdx"/,
    "/licenses/0/spdx",
  ],
  ["E114", { manager: { packageName: "x-y" } }, /unknown field "manager"/, "/manager"],
  [
    "E113",
    { packagingVersion: "5.0", manager: {} },
    /"packageName" is missing in manager/,
    "/manager/packageName",
  ],
  [
    "E115",
    { packagingVersion: "5.0", manager: { packageName: "X" } },
    /name "X"/,
    "/manager/packageName",
  ],
  ["E117", { upgradesFrom: "*" }, /upgradesFrom must be an array/, "/upgradesFrom"],
  ["E117", { upgradesFrom: [1] }, /upgradesFrom\[0\] must be a string/, "/upgradesFrom/0"],
  ["E114", { upgradeFrom: [] }, /unknown field "upgradeFrom"/, "/upgradeFrom"],
  ["E114", { releaseVersion: 1 }, /unknown field "releaseVersion"/, "/releaseVersion"],
  ["E114", { selected: true }, /unknown field "selected"/, "/selected"],
  ["E114", { command: { pip: [] } }, /unknown field "command"/, "/command"],
  [
    "E117",
    { marathon: { v2AppMustacheTemplate: "@app.json" } },
    /must be base64/,
    "/marathon/v2AppMustacheTemplate",
  ],
  [
    "E117",
    { marathon: { v2AppMustacheTemplate: "" } },
    /must be base64/,
    "/marathon/v2AppMustacheTemplate",
  ],
  [
    "E117",
    { marathon: { v2AppMustacheTemplate: "e30" } },
    /must be base64/,
    "/marathon/v2AppMustacheTemplate",
  ],
  [
    "E117",
    { marathon: { v2AppMustacheTemplate: "e3\n=" } },
    /must be base64/,
    "/marathon/v2AppMustacheTemplate",
  ],
  [
    "E117",
    { marathon: { v2AppMustacheTemplate: "e-_=" } },
    /must be base64/,
    "/marathon/v2AppMustacheTemplate",
  ],
  [
    "E117",
    { marathon: { v2AppMustacheTemplate: "/w==" } },
    /does not decode to UTF-8/,
    "/marathon/v2AppMustacheTemplate",
  ],
  [
    "E113",
    { marathon: {} },
    /"v2AppMustacheTemplate" is missing in marathon/,
    "/marathon/v2AppMustacheTemplate",
  ],
  ["E117", { config: "@config.json" }, /config must be an object/, "/config"],
  ["E117", { config: [] }, /config must be an object, found an array/, "/config"],
  [
    "E120",
    { config: { ...config, required: true } },
    /"required" must be an array of property names, found true/,
    "/config/required",
  ],
  ["E117", { resource: "@r" }, /resource must be an object/, "/resource"],
  [
    "E113",
    { resource: { assets: { container: {} } } },
    /"docker" is missing in resource\.assets\.container/,
    "/resource/assets/container/docker",
  ],
  [
    "E117",
    { resource: { assets: { uris: { "a b": 1 } } } },
    /resource\.assets\.uris\["a b"\] must be a string/,
    "/resource/assets/uris/a b",
  ],
  [
    "E117",
    { resource: { images: { screenshots: "x" } } },
    /screenshots must be an array/,
    "/resource/images/screenshots",
  ],
  [
    "E114",
    { resource: { images: { icon: "x" } } },
    /unknown field "icon"/,
    "/resource/images/icon",
  ],
  [
    "E117",
    { resource: { cli: { binaries: {} } } },
    /must name at least one of darwin, linux, windows/,
    "/resource/cli/binaries",
  ],
  [
    "E117",
    { resource: { cli: { binaries: { freebsd: {} } } } },
    /platform "freebsd" is unknown: darwin, linux, windows/,
    "/resource/cli/binaries/freebsd",
  ],
  [
    "E113",
    { resource: { cli: { binaries: { linux: {} } } } },
    /"x86-64" is missing/,
    "/resource/cli/binaries/linux/x86-64",
  ],
  [
    "E117",
    cli({ kind: "exe" }),
    /kind must be "executable" or "zip", found "exe"/,
    "/resource/cli/binaries/linux/x86-64/kind",
  ],
  ["E117", cli({ url: "" }), /must not be empty/, "/resource/cli/binaries/linux/x86-64/url"],
  [
    "E118",
    cli({ contentHash: [] }),
    /exactly one entry/,
    "/resource/cli/binaries/linux/x86-64/contentHash",
  ],
  [
    "E118",
    cli({ contentHash: [{ algo: "sha256", value: "abc" }] }),
    /contentHash value "abc" is not a SHA-256 \(64 hexadecimal digits\)/,
    "/resource/cli/binaries/linux/x86-64/contentHash/0/value",
  ],
  [
    "E117",
    cli({ contentHash: [{ algo: "md5", value: hash }] }),
    /algo must be "sha256", found "md5"/,
    "/resource/cli/binaries/linux/x86-64/contentHash/0/algo",
  ],
];

describe("parseMetadata", () => {
  for (const [code, change, message, pointer] of refused) {
    it(`refuses with ${code}: ${message.source}`, async () => {
      const found = await findingsOf(() => parseMetadata(json(definition(change))));
      const errors = found.filter(({ severity }) => severity === "error");
      assert.deepEqual(
        errors.map((finding) => [finding.code, finding.pointer]),
        [[code, pointer]],
      );
      assert.match(errors[0]?.message ?? "", message);
    });
  }

  it("returns the fields in the order of writing, whatever their order was", () => {
    const shuffled = Object.fromEntries(Object.entries(definition()).reverse());
    const parsed = parseMetadata(json(shuffled));
    assert.deepEqual(Object.keys(parsed), Object.keys(definition()));
    assert.deepEqual(parsed, definition());
  });

  it("accepts every optional field, of both packaging versions", () => {
    const full: Record<string, JsonValue> = {
      ...definition(),
      packagingVersion: "5.0",
      scm: "",
      website: "",
      framework: true,
      preInstallNotes: "",
      postInstallNotes: "",
      postUninstallNotes: "",
      licenses: [{ name: "Apache", url: "https://example.org/l?x=(y)" }],
      minDcosReleaseVersion: "1.12.0",
      lastUpdated: 1571000000,
      hasKnownIssues: false,
      upgradesFrom: ["*"],
      downgradesTo: [],
      manager: { packageName: "kubernetes", minPackageVersion: "2.0", more: 1 },
    };
    assert.deepEqual(parseMetadata(json(full)), full);
    const { manager: _, ...older } = full;
    assert.equal(
      parseMetadata(json({ ...older, packagingVersion: "4.0" })).packagingVersion,
      "4.0",
    );
  });

  it("writes content hashes in lower case, as Cosmos compares them", () => {
    const upper = json(definition()).toString().replaceAll(hash, hash.toUpperCase());
    assert.deepEqual(parseMetadata(Buffer.from(upper)).resource, resource);
  });

  it("lists all findings of a document at once, in the order of its lines", async () => {
    const found = await findingsOf(() =>
      parseMetadata(json(definition({ name: "X", version: "+", tags: [" "], extra: 1 }))),
    );
    assert.deepEqual(
      found.map(({ code }) => code),
      ["E115", "E116", "E117", "E114"],
    );
  });

  it("suggests the field that was probably meant", async () => {
    const [finding] = await findingsOf(() => parseMetadata(json(definition({ upgradeFrom: [] }))));
    assert.equal(finding?.hint, 'did you mean "upgradesFrom"?');
  });

  it("says what is needed for a field of another packaging version", async () => {
    const [finding] = await findingsOf(() => parseMetadata(json(definition({ manager: {} }))));
    assert.equal(finding?.hint, '"manager" needs packaging version 5.0');
  });

  it("keeps a non-ASCII template and description as they are", () => {
    const change = {
      description: "größer ✓ 😀",
      marathon: { v2AppMustacheTemplate: base64('{"id":"ü"}') },
    };
    const parsed = parseMetadata(json(definition(change)));
    assert.equal(parsed.description, change.description);
    assert.deepEqual(parsed.marathon, change.marathon);
  });

  it("takes a hostile number of findings without keeping them all", async () => {
    const tags = Array.from({ length: 50_000 }, () => " ");
    const found = await findingsOf(() => parseMetadata(json(definition({ tags }))));
    assert.equal(found.length, 1000);
  });
});
