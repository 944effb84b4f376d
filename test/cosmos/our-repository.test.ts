/** Our `/repo` under the stand-in checker and in the mini-Cosmos, with real packages where they are. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { profiles, repositoryMediaType } from "../../src/cosmos/client-profile.ts";
import { formatViolation } from "../../src/cosmos/violation.ts";
import { assetPath, type PackageParts } from "../catalog/published-package.ts";
import { type CheckOptions, checkRepository } from "./check-repository.ts";
import { javaFetch, readAll } from "./java-fetch.ts";
import { type OurServer, registryHost, startOurServer } from "./our-server.ts";
import { CatalogSchemas } from "./schema-rules.ts";
import { universePackages } from "./universe-packages.ts";

const universe = process.env["UNIVERSE_DIR"];
const skip = universe ? false : "UNIVERSE_DIR is not set";
const url = `https://${registryHost}/repo`;

async function violations(server: OurServer, options: CheckOptions = {}): Promise<string[]> {
  const found = await checkRepository(url, { ...server.network, ...options });
  return found.map(formatViolation);
}

function hello(version: string): PackageParts {
  const icon = `icon of ${version}`;
  return {
    definition: {
      version,
      minDcosReleaseVersion: "1.9",
      upgradesFrom: ["*"],
      config: { properties: { image: { type: "string", default: "acme/db:1" } } },
      resource: {
        assets: {
          uris: { app: assetPath("app%2B1.tgz", "app"), mirror: "" },
          container: { docker: { db: "acme/db:1", cache: "redis" } },
        },
        images: { "icon-small": assetPath("icon.png", icon) },
      },
    },
    files: { "app%2B1.tgz": "app", "icon.png": icon },
    images: ["acme/db:1", "redis"],
  };
}

describe("our repository under the stand-in checker", () => {
  let server: OurServer;

  before(async () => {
    server = await startOurServer();
  });
  after(() => server.close());

  it("passes when it is empty", async () => {
    assert.deepEqual(await violations(server), []);
  });

  it("passes with packages, on two instances, the version added last being the default", async () => {
    await server.catalog.add(hello("2.0"));
    await server.catalog.add(hello("1.0"));
    await server.catalog.add({
      definition: { packagingVersion: "5.0", name: "five", minDcosReleaseVersion: "1.12" },
    });
    await server.catalog.add({ definition: { name: "hidden", minDcosReleaseVersion: "9999" } });
    const other = await startOurServer(server.catalog);
    const options = {
      newest: { hello: "1.0" },
      keptUrls: [""],
      originalName: ({ url: one }: { url: string }) =>
        one.endsWith("png") ? "icon.png" : "app%2B1.tgz",
      otherInstance: `https://${registryHost}:444/repo`,
      resolve: (name: string, port: number) =>
        (port === 444 ? other : server).network.resolve(name, port),
    };
    assert.deepEqual(await violations(server, options), []);
    await other.close();
  });
});

describe("real packages under the stand-in checker", { skip }, () => {
  let server: OurServer;
  const keptUrls: string[] = [];

  before(async () => {
    server = await startOurServer();
    for (const one of await universePackages(universe ?? "")) {
      await server.catalog.add(one);
      keptUrls.push(...one.keptUrls);
    }
  });
  after(() => server.close());

  it("pass every rule for every profile", async () => {
    const schemas = await CatalogSchemas.read(path.join(universe ?? "", "schema"));
    assert.deepEqual(await violations(server, { schemas, keptUrls }), []);
  });

  it("are all there for the newest Cosmos, but for the hidden ones", async () => {
    const { packages } = await server.catalog.snapshot();
    const [profile] = profiles;
    assert.ok(profile);
    const headers = (): [string, string][] => [
      ["Host", registryHost],
      ["Accept", repositoryMediaType("v5")],
      ["User-Agent", "dcos/2.2"],
    ];
    const answer = await javaFetch(new URL(url), headers, server.network);
    const listed: { packages: { name: string }[] } = JSON.parse(
      (await readAll(answer.body)).toString(),
    );
    const hidden = packages.filter(({ record }) =>
      /^9{3,}$/.test(record.definition.minDcosReleaseVersion ?? ""),
    );
    assert.ok(packages.length >= 24, `${packages.length} samples`);
    assert.equal(listed.packages.length, packages.length - hidden.length);
  });

  it("name bundled images in options that bypass the resources", async () => {
    const headers = (): [string, string][] => [["Host", registryHost]];
    const portworx = new URL(`${url}/portworx`);
    const answer = await javaFetch(portworx, headers, server.network);
    const text = (await readAll(answer.body)).toString();
    const defaults = [...text.matchAll(/"default":"([^"]*\/portworx\/[^"]*)"/g)];
    assert.ok(defaults.length > 0);
    for (const [, image] of defaults) assert.match(image ?? "", /^dcos-registry\./);
  });
});
