/**
 * S3, S5 and S6 with real definitions of the public catalogue: each migrates, builds behind a proxy
 * that stands for the internet, is added, and everything that `/repo` then names can be fetched.
 */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { renderMarathon } from "../../src/packages/render-marathon.ts";
import { CatalogSchemas } from "../cosmos/schema-rules.ts";
import { BuildMachine, type Built } from "../fixtures/build-machine.ts";
import { Cluster } from "../fixtures/cluster.ts";
import { universeDirectory, withoutUniverse } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { checkServedPackage } from "../fixtures/served-package.ts";
import { type OutsideReference, outsideReferences } from "../fixtures/service-app.ts";
import {
  makeUniversePackage,
  type UniversePackage,
  universePackageIds,
} from "../fixtures/universe-package.ts";

const skip = withoutUniverse();
const universe = universeDirectory ?? "";

/** Packaging versions 2.0 and 3.0: refused by migrate, which S4 shows. */
const refused = ["dcos-enterprise-cli/1301", "edgelb-pool/300", "hdfs/4", "quobyte/1"];
/** One name and version with other content than release 0. */
const conflicting = "dcos-aws-cli/1";

/** Strings of `assets.uris` that name no file. */
const keptUrls: Readonly<Record<string, readonly string[]>> = {
  "cockroachdb/2": ["cockroach-binary"],
  "alluxio-enterprise/3": ["custom-download-url"],
};

const ids = skip
  ? []
  : (await universePackageIds(universe)).filter(
      (id) => !refused.includes(id) && id !== conflicting,
    );

describe("packages of the public catalogue", { skip }, () => {
  let scratch: string;
  let machine: BuildMachine;
  let cluster: Cluster;
  const added = new Map<string, { made: UniversePackage; built: Built }>();

  before(async () => {
    scratch = await makeScratch("universe");
    machine = await BuildMachine.create(path.join(scratch, "connected"));
    cluster = await Cluster.create(scratch);
  });

  after(async () => {
    await cluster?.close();
    await machine?.close();
    await removeScratch(scratch);
  });

  async function build(id: string): Promise<{ made: UniversePackage; built: Built }> {
    const made = await makeUniversePackage(universe, id, scratch, machine.origin);
    const definition = await machine.definition(made.directory);
    const kept = (keptUrls[id] ?? []).flatMap((key) => ["--keep-url", key]);
    return { made, built: await machine.bundle(definition, kept) };
  }

  async function nameAndVersion(made: UniversePackage): Promise<[string, string]> {
    const text = await readFile(path.join(made.directory, "package.json"), "utf8");
    const { name, version } = JSON.parse(text) as { name: string; version: string };
    return [name, version];
  }

  it("are enough, and the ones that matter are among them", () => {
    assert.ok(ids.length >= 20, ids.join());
    for (const id of ["kubernetes-cluster/2610", "cockroachdb/2", "alluxio-enterprise/300"]) {
      assert.ok(ids.includes(id), id);
    }
  });

  for (const id of ids) {
    it(`${id} is built, added and served whole`, async () => {
      const { made, built } = await build(id);
      added.set(id, { made, built });
      await cluster.add(built.file);
      const [name, version] = await nameAndVersion(made);
      assert.equal((await cluster.describe(name, version)).status, "Added");
      const entry = await cluster.entry(name, version);
      const source = { ...made, keptUrls: keptUrls[id] ?? [] };
      const { files, images } = await checkServedPackage(cluster.client, entry, source);
      assert.ok(files + images > 0, "nothing to fetch");
    });
  }

  it("kubernetes-cluster brings all of its 19 images and its manager", async () => {
    const entry = (await cluster.repository()).find(({ name }) => name === "kubernetes-cluster");
    assert.equal(Object.keys(entry?.resource?.assets?.container?.docker ?? {}).length, 19);
    assert.equal(entry?.manager?.packageName, "kubernetes");
  });

  it(`${conflicting} is refused: same name and version, other content`, async () => {
    const made = await makeUniversePackage(universe, conflicting, scratch, machine.origin);
    const other = path.join(scratch, "conflict");
    await mkdir(other);
    const definition = await machine.definition(made.directory, other);
    const { file } = await machine.bundle(definition, ["--output-directory", other]);
    await assert.rejects(cluster.add(file), /dcos-aws-cli 1\.0 is already in the registry/);
  });

  it("are taken, all together, by every generation of Cosmos", async () => {
    const schemas = await CatalogSchemas.read(path.join(universe, "schema"));
    const kept = [...added.values()].flatMap(({ made: { id, resource } }) =>
      (keptUrls[id] ?? []).map((key) => resource.assets?.uris?.[key] ?? ""),
    );
    assert.deepEqual(await cluster.violations({ schemas, keptUrls: kept }), []);
  });

  it("render, with defaults, to apps that name nothing outside but what builds warned about", async () => {
    const unannounced: string[] = [];
    for (const [id, { made, built }] of added) {
      const outside = await outsideOf(...(await nameAndVersion(made)));
      const silent = outside.filter(({ value }) => !announced(value, built.stderr));
      unannounced.push(...silent.map(({ pointer, value }) => `${id} ${pointer}: ${value}`));
    }
    assert.deepEqual(unannounced, []);
  });

  /** The build named the very URL or image, or the beginning that the template extends. */
  function announced(value: string, warnings: string): boolean {
    if (warnings.includes(value)) return true;
    return URL.canParse(value) && warnings.includes(`(${new URL(value).origin})`);
  }

  async function outsideOf(name: string, version: string): Promise<OutsideReference[]> {
    const entry = await cluster.entry(name, version);
    const hosts = [new URL(cluster.url).host, cluster.imageHost];
    const text = renderMarathon(entry);
    return text === undefined ? [] : outsideReferences(JSON.parse(text), hosts);
  }
});
