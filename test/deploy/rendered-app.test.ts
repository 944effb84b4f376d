/** D5: whatever is chosen, Marathon takes the app, and it does what the options say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import AjvDraft4 from "ajv-draft-04";
import { catalogOptionOf, options, variableOf } from "../../src/config/options.ts";
import { loadConfig } from "../../src/config.ts";
import { readDeployed, renderApp } from "./catalog-package.ts";
import {
  expectedApp,
  optionsFor,
  type SecretOption,
  secrets,
  storageModes,
  type Wish,
} from "./expected-app.ts";
import { appProblems, type MarathonApp } from "./marathon-app.ts";

const names = ["dcos-registry", "registry", "my/custom/dcos-registry"];

const acceptable = new AjvDraft4.default({ strict: false }).compile(readDeployed("config.json"));

/** Every set of secrets; the key of a certificate goes with it. */
function secretSets(storage: string): SecretOption[][] {
  const choices: SecretOption[][] = [
    ["service-account-secret-path"],
    ["token-secret-path"],
    ["htpasswd-secret-path"],
    ["tls.cert-secret-path", "tls.key-secret-path"],
    ["tls.ca-secret-path"],
    ["ca-secret-path"],
    ...(storage === "s3" ? [["s3.credential-secret-path"] as SecretOption[]] : []),
  ];
  const order = Object.keys(secrets);
  return Array.from({ length: 2 ** choices.length }, (_, bits) =>
    choices
      .filter((_choice, index) => bits & (1 << index))
      .flat()
      .sort((one, other) => order.indexOf(one) - order.indexOf(other)),
  );
}

function* wishes(): Generator<Wish> {
  for (const storage of storageModes) {
    for (const name of names) {
      for (const instances of [1, 3]) {
        for (const chosen of secretSets(storage)) {
          yield { storage, name, instances, secrets: chosen };
        }
      }
    }
    yield { storage, name: "r", instances: 2, secrets: [], pinned: "10.0.0.7", metrics: false };
  }
}

/** The app without the options that are handed on as they are; those have tests of their own. */
function withoutPassedOn(app: MarathonApp): object {
  const passedOn = options
    .filter((option) => option.catalog === undefined && catalogOptionOf(option) !== "")
    .map(variableOf);
  const env = Object.entries(app.env).filter(
    ([name]) => !passedOn.includes(name) && !name.startsWith("CONTAINER_LOGGER_"),
  );
  return { ...app, env: Object.fromEntries(env) };
}

describe("the app of the Catalog package", () => {
  it("is a Marathon app that says what the options say, for every combination", () => {
    let seen = 0;
    for (const wish of wishes()) {
      const chosen = optionsFor(wish);
      const what = JSON.stringify(chosen);
      assert.ok(acceptable(chosen), `${what}: ${JSON.stringify(acceptable.errors)}`);
      const app = renderApp(chosen) as MarathonApp;
      assert.deepEqual(appProblems(app), [], what);
      assert.deepEqual(withoutPassedOn(app), expectedApp(wish), what);
      seen += 1;
    }
    assert.ok(seen > 1000, `only ${seen} combinations`);
  });

  it("is a Marathon app without any option", () => {
    assert.deepEqual(appProblems(renderApp({})), []);
  });

  it("configures the server without a complaint", () => {
    for (const storage of storageModes.filter((mode) => mode !== "s3")) {
      const wish: Wish = { storage, name: "my/registry", instances: 1, secrets: [] };
      const { env } = renderApp(optionsFor(wish)) as MarathonApp;
      const config = loadConfig([], env);
      assert.equal(config.storage, "/var/lib/dcos-registry");
      assert.deepEqual(config.listen, { host: "0.0.0.0", port: 8443 });
      assert.deepEqual(config.metricsListen, { host: "0.0.0.0", port: 9090 });
      assert.equal(config.publicUrl, "https://myregistry.marathon.l4lb.thisdcos.directory");
    }
  });

  it("hands every option on, whatever stands in it", () => {
    const values: Record<string, unknown> = {
      "read-only": true,
      workers: 3,
      "public-url": 'https://r.example/"a"\\b/{{x}}',
      log: { level: "debug" },
    };
    const app = renderApp({ registry: values });
    assert.deepEqual(appProblems(app), []);
    const { env } = app as MarathonApp;
    assert.equal(env["DCOS_REGISTRY_READ_ONLY"], "true");
    assert.equal(env["DCOS_REGISTRY_WORKERS"], "3");
    assert.equal(env["DCOS_REGISTRY_PUBLIC_URL"], values["public-url"]);
    assert.equal(env["DCOS_REGISTRY_LOG_LEVEL"], "debug");
  });

  it("refuses options that would make an app of no use", () => {
    const refused = [
      { service: { name: "/dcos-registry" } },
      { service: { name: "Upper" } },
      { service: { instances: 0 } },
      { registry: { "mount-volume": { "host-path": "relative" } } },
      { registry: { "mount-volume": { "container-path": "a/b" } } },
      { registry: { s3: { endpoint: "s3.example" } } },
      { registry: { s3: { path: "/a" } } },
      { registry: { workers: 0 } },
      { registry: { log: { level: "loud" } } },
    ];
    const service = { name: "r", instances: 1, cpus: 1, mem: 512, disk: 2048 };
    for (const each of refused) {
      const chosen = { ...each, service: { ...service, ...each.service } };
      assert.equal(acceptable(chosen), false, JSON.stringify(each));
    }
  });

  it("finds what Marathon would refuse", () => {
    const good = renderApp({}) as MarathonApp & Record<string, unknown>;
    const bad: [RegExp, object][] = [
      [/id must match/, { id: "A" }],
      [/additional properties/, { nonsense: 1 }],
      [/instances must be integer/, { instances: "1" }],
      [
        /persistent volume must stop/,
        { upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 } },
      ],
      [/declared that nothing uses/, { secrets: { x: { source: "s" } } }],
      [
        /oneOf|exactly one/,
        { container: { ...good.container, volumes: [{ containerPath: "/a" }] } },
      ],
    ];
    for (const [problem, change] of bad) {
      assert.match(appProblems({ ...good, ...change }).join("; "), problem);
    }
  });
});
