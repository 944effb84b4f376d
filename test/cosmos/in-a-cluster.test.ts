/**
 * D4: the registry as the users of a cluster meet it, through Cosmos: beside another repository, from
 * `repo add` to an installed service, and through outages.
 */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { BuildMachine } from "../fixtures/build-machine.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { Cluster } from "../fixtures/cluster.ts";
import { freePort } from "../fixtures/free-port.ts";
import { registryName } from "../fixtures/namespace.ts";
import { makeTestPackage, type TestPackage } from "../fixtures/package-directory.ts";
import { withoutBusybox } from "../fixtures/package-story.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { outsideReferences } from "../fixtures/service-app.ts";
import { installCli } from "./cli-install.ts";
import { MiniCosmos } from "./mini-cosmos.ts";
import { type Loose, StandInServer, host as universeHost } from "./stand-in-server.ts";

const ours = { name: "Registry", uri: `https://${registryName}/repo` };
const universe = { name: "Universe", uri: `https://${universeHost}/repo` };
const name = "test-service";
const minuteMs = 60_000;

interface Answered {
  readonly status: number;
  readonly json: Loose;
}

describe("a cluster with the registry as one of its repositories", {
  skip: withoutBusybox(),
}, () => {
  let scratch: string;
  let flags: readonly string[];
  let machine: BuildMachine;
  let made: TestPackage;
  let cluster: Cluster;
  let other: StandInServer;
  let cosmos: MiniCosmos;
  /** What Cosmos goes by, in ms. */
  let time = 0;
  /** What happens while Cosmos waits before it tries again. */
  let meanwhile = async (): Promise<void> => undefined;

  before(async () => {
    scratch = await makeScratch("in-a-cluster");
    flags = ["--listen", `127.0.0.1:${await freePort()}`];
    machine = await BuildMachine.create(path.join(scratch, "connected"));
    made = await makeTestPackage(scratch, machine.origin);
    cluster = await Cluster.create(scratch, flags);
    const older = await makeBundle({ name, version: "0.9" });
    await pipeline(older.stream, createWriteStream(path.join(scratch, "older.dcos")));
    await cluster.add(path.join(scratch, "older.dcos"));
    const { file } = await machine.bundle(await machine.definition(made.directory));
    await cluster.add(file);
    other = new StandInServer();
    other.packages = (packages) => [
      ...packages,
      { ...packages[0], name, version: "9.0", releaseVersion: 2_000_000_000 },
    ];
    await other.start();
    cosmos = await startCosmos();
  });
  after(async () => {
    await cosmos?.close();
    await other?.close();
    await cluster?.close();
    await machine?.close();
    await removeScratch(scratch);
  });

  async function startCosmos(): Promise<MiniCosmos> {
    const { port } = new URL(cluster.server.url);
    return MiniCosmos.start({
      ca: `${await cluster.server.developmentCa()}\n${other.network.ca}`,
      resolve: (host, asked) =>
        host === registryName
          ? { host: "127.0.0.1", port: Number(port) }
          : other.network.resolve(host, asked),
      clock: () => time,
      pause: () => meanwhile(),
    });
  }

  async function call(what: string, fields: object = {}): Promise<Answered> {
    const body = JSON.stringify(fields);
    const response = await fetch(`${cosmos.url}/package/${what}`, { method: "POST", body });
    return { status: response.status, json: (await response.json()) as Loose };
  }
  const names = async (query?: string): Promise<unknown> => {
    const { status, json } = await call("search", { query });
    return status === 200
      ? Array.from(json["packages"] as never, ({ name: one }) => one)
      : json["type"];
  };
  const describePackage = async (fields: object = {}): Promise<Loose> => {
    const { status, json } = await call("describe", { packageName: name, ...fields });
    assert.equal(status, 200, JSON.stringify(json));
    return json["package"] ?? {};
  };

  it("takes the registry, by `repo add`, behind the other one and in front of it", async () => {
    await call("repository/add", universe);
    assert.deepEqual((await call("repository/add", ours)).json, { repositories: [universe, ours] });
    assert.equal((await describePackage())["version"], "9.0", "the first repository wins");
    await call("repository/delete", { name: ours.name });
    const { json } = await call("repository/add", { ...ours, index: 0 });
    assert.deepEqual(json, { repositories: [ours, universe] });
    assert.equal((await describePackage())["version"], made.version, "and with it, old or new");
  });

  it("finds packages of both", async () => {
    assert.deepEqual(await names(), ["five", "hello", name]);
    assert.deepEqual(await names("tests of the registry"), [name]);
    assert.deepEqual(await names("test-*"), [name]);
  });

  it("lists the versions of both, the one added last being the registry's default", async () => {
    const { json } = await call("list-versions", { packageName: name });
    assert.deepEqual(Object.keys(json["results"] ?? {}).sort(), ["0.9", made.version, "9.0"]);
    for (const packageVersion of ["0.9", "9.0"]) {
      assert.equal((await describePackage({ packageVersion }))["version"], packageVersion);
    }
    const { json: unknown } = await call("describe", { packageName: name, packageVersion: "7" });
    assert.equal(unknown["message"], `Version [7] of package [${name}] not found`);
  });

  it("describes a package with its options and its files behind Cosmos' own address", async () => {
    const described = await describePackage();
    const option = described["config"]?.["properties"]?.["service"]?.["properties"]?.["name"];
    assert.deepEqual(option, { type: "string", default: name, description: "The service's name" });
    const icon = String(described["resource"]?.["images"]?.["icon-small"]);
    assert.ok(icon.startsWith(`${cosmos.url}/package/resource?url=https://${registryName}/`), icon);
    for (const size of ["small", "medium", "large"]) {
      const response = await fetch(String(described["resource"]?.["images"]?.[`icon-${size}`]));
      assert.equal(response.status, 200);
      const expected = made.files[`https://downloads.example.com/images/icon-${size}.png`];
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), expected);
      const shown = response.headers.get("content-disposition");
      assert.equal(shown, `attachment; filename="icon-${size}.png"`);
    }
  });

  it("installs the command lines, with the hashes that were stated", async () => {
    const files = ["plugin.toml", "bin/dcos-test-service"];
    assert.deepEqual(await installCli(cosmos.url, name, "linux"), { files });
    assert.deepEqual(await installCli(cosmos.url, name, "darwin"), { files: [...files, "mac"] });
    assert.deepEqual(await installCli(cosmos.url, name, "windows"), {
      files: [`bin/dcos-${name}`],
    });
  });

  it("renders the app with the user's options, and refuses those that do not fit", async () => {
    const options = { service: { name: "team/one", cpus: 2, user: "svc" } };
    const { json } = await call("render", { packageName: name, options });
    const app = json["marathonJson"] ?? {};
    assert.deepEqual([app["id"], app["cpus"], app["user"]], ["team/one", 2, "svc"]);
    assert.deepEqual(outsideReferences(app, [registryName, `${registryName}:443`]), []);
    const wrong = { service: { cpus: "many" } };
    const { status, json: refusal } = await call("render", { packageName: name, options: wrong });
    assert.deepEqual([status, refusal["type"]], [400, "JsonSchemaMismatch"]);
  });

  it("installs a service whose files and images agents get from the registry", async () => {
    const { json } = await call("install", { packageName: name });
    assert.deepEqual([json["packageVersion"], json["postInstallNotes"]], [made.version, "After."]);
    const app = cosmos.apps.get(name) as unknown as Loose;
    assert.equal(app["labels"]?.["DCOS_PACKAGE_SOURCE"], ours.uri);
    await assertServed(app);
    assert.equal((await call("install", { packageName: name })).status, 409);
    // What is installed is restarted from its label, also when the package is gone.
    const which = ["--package-name", name, "--package-version", made.version, "--yes"];
    await cluster.operate("remove", which);
    time += minuteMs;
    assert.equal((await describePackage())["version"], "0.9");
    const label = Buffer.from(String(app["labels"]?.["DCOS_PACKAGE_DEFINITION"]), "base64");
    const { data } = JSON.parse(label.toString()) as { data: string };
    assert.ok(
      gunzipSync(Buffer.from(data, "base64")).includes(`https://${registryName}/resources/`),
    );
    await assertServed(app);
  });

  /** Everything that the app names, as an agent asks for it. */
  async function assertServed(app: Loose): Promise<void> {
    const uris = Array.from(app["fetch"] as never, ({ uri }) => String(uri));
    assert.equal(uris.length, 2);
    for (const uri of uris) assert.equal((await cluster.client.fetch(uri)).status, 200, uri);
    const image = String(app["container"]?.["docker"]?.["image"]);
    const [, repository, tag] = /^[^/]+\/(.+):([^:]+)$/.exec(image) ?? [];
    const { status } = await cluster.client.fetch(
      `${cluster.url}/v2/${repository}/manifests/${tag}`,
    );
    assert.equal(status, 200, image);
  }

  describe("when the registry is away", () => {
    const kill = async (): Promise<void> => {
      cluster.server.signal("SIGKILL");
      await cluster.server.ended();
    };
    const restart = async (): Promise<void> => {
      await cluster.client.close();
      cluster = await Cluster.create(scratch, flags);
    };

    it("goes on for a minute with what Cosmos has read, then fails as documented", async () => {
      const all = await names();
      await kill();
      assert.deepEqual(await names(), all);
      time += minuteMs;
      const { status, json } = await call("describe", { packageName: "hello" });
      assert.deepEqual([status, json["type"]], [400, "RepositoryUriConnection"]);
      assert.match(String(json["message"]), /data at URI for repository \[Registry\]/);
    });

    it("is whole again with the registry's first answer", async () => {
      await restart();
      assert.deepEqual(await names(), ["five", "hello", name]);
    });

    it("notices nothing of a restart, which is over before Cosmos tries again", async () => {
      time += minuteMs;
      await kill();
      let tries = 0;
      meanwhile = async () => {
        tries += 1;
        await restart();
      };
      assert.deepEqual(await names(), ["five", "hello", name]);
      meanwhile = async () => undefined;
      assert.equal(tries, 1);
    });

    it("can take it out of the list, and has the rest at once", async () => {
      time += minuteMs;
      await kill();
      assert.equal(await names(), "RepositoryUriConnection");
      await call("repository/delete", { name: ours.name });
      assert.equal((await describePackage())["version"], "9.0");
      assert.equal((await call("repository/add", ours)).json["type"], "RepositoryUriConnection");
      await restart();
      await call("repository/add", { ...ours, index: 0 });
      assert.equal((await describePackage())["version"], "0.9");
    });

    it("notices nothing while only the registry's storage is away", async () => {
      const store = path.join(scratch, "data/store");
      await rename(store, `${store}-away`);
      try {
        time += minuteMs;
        assert.deepEqual(await names(), ["five", "hello", name]);
      } finally {
        await rename(`${store}-away`, store);
      }
    });
  });
});
