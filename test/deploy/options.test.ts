/** Protects decision 26: the server's options and those of the Catalog package are the same ones. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { catalogOptionOf, type Option, options, variableOf } from "../../src/config/options.ts";
import { productVersion } from "../../src/config.ts";
import type { JsonObject } from "../../src/packages/package-definition.ts";
import { optionNames, optionSchema, readDeployed, renderApp } from "./catalog-package.ts";
import type { MarathonApp } from "./marathon-app.ts";

const deployed = options.filter((option) => catalogOptionOf(option) !== "");
/** Options whose name follows from the table are the server's own: equal in type and bounds. */
const equal = deployed.filter(({ catalog }) => catalog === undefined);

/** What no operator of a cluster needs to set, and why. */
const exceptions = new Map([
  ["/config", "options come as variables there"],
  ["/listen", "the template maps ports to it"],
  ["/gc/test-milliseconds", "it breaks promises made to clients"],
]);

/** What deploy/config.json should say, for the message of a failing test. */
function expectedSchema({ schema, summary }: Option): JsonObject {
  const { type, minimum, maximum, enum: values } = schema;
  const fallback = schema["default"] ?? (type === "string" ? "" : undefined);
  const rest = { type, default: fallback, minimum, maximum, enum: values };
  return JSON.parse(JSON.stringify({ description: summary, ...rest })) as JsonObject;
}

describe("options of the Catalog package", () => {
  for (const option of equal) {
    const name = catalogOptionOf(option);
    it(`has ${name} with the type, default and bounds of the server`, () => {
      const expected = expectedSchema(option);
      const found = optionSchema(name);
      assert.ok(found, `add to deploy/config.json: ${name}: ${JSON.stringify(expected)}`);
      for (const key of ["type", "default", "minimum", "maximum", "enum"]) {
        assert.deepEqual(found[key], expected[key], `${name}: ${key}`);
      }
    });

    it(`hands ${name} to the server`, () => {
      const { env } = renderApp({}) as MarathonApp;
      const line = `"${variableOf(option)}": "{{${name}}}"`;
      assert.ok(variableOf(option) in env, `add to deploy/marathon.json.mustache: ${line},`);
      const value = expectedSchema(option)["default"];
      assert.equal(env[variableOf(option)], String(value), `should be ${line}`);
    });
  }

  it("has every option but those that a cluster has no use for", () => {
    const missing = options.filter((option) => catalogOptionOf(option) === "");
    assert.deepEqual(missing.map(({ pointer }) => pointer).sort(), [...exceptions.keys()].sort());
  });

  it("has what the other options of the server are made from", () => {
    for (const option of deployed) {
      for (const name of catalogOptionOf(option).split(", ")) {
        assert.ok(optionSchema(name), `deploy/config.json lacks ${name}`);
      }
    }
  });

  it("has every option of the original, under its name", () => {
    const original = [
      ...["name", "instances", "cpus", "mem", "disk"].map((name) => `service.${name}`),
      "registry.service-account-secret-path",
      "registry.mount-volume.container-path",
      "registry.mount-volume.pinned-hostname",
      "registry.s3.credential-secret-path",
      "registry.s3.credential-profile-name",
      "registry.s3.bucket",
      "registry.s3.path",
      "registry.s3.endpoint",
    ];
    const names = optionNames();
    assert.deepEqual(
      original.filter((name) => !names.includes(name)),
      [],
    );
    assert.equal(optionSchema("service.name")?.["default"], "dcos-registry");
    assert.equal(optionSchema("registry.s3.credential-profile-name")?.["default"], "default");
  });

  it("describes each option and gives it a default", () => {
    for (const name of optionNames()) {
      const schema = optionSchema(name) ?? {};
      assert.match(String(schema["description"]), /\.$/, name);
      assert.notEqual(schema["default"], undefined, name);
    }
  });

  it("sets no variable that the server does not know", () => {
    const known = new Set(options.map(variableOf));
    const s3 = { bucket: "b", "credential-secret-path": "s" };
    const { env } = renderApp({ registry: { s3 } }) as MarathonApp;
    const ours = Object.keys(env).filter((name) => name.startsWith("DCOS_REGISTRY_"));
    assert.deepEqual(
      ours.filter((name) => !known.has(name)),
      [],
    );
  });

  it("keeps a name that the service had before", () => {
    const app = renderApp({ service: { "former-name": "registry" } }) as MarathonApp;
    assert.equal(app.env["DCOS_REGISTRY_SERVICE_FORMER_NAME"], "registry");
    const labels = '"labels":{"VIP_1":"/registry:443","VIP_0":"/dcos-registry:443"}';
    assert.ok(JSON.stringify(app).includes(labels), JSON.stringify(app));
  });

  it("has the version of the product", () => {
    assert.equal(readDeployed("package.json")["version"], productVersion());
  });
});
