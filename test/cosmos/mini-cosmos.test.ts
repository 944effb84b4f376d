import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { installCli } from "./cli-install.ts";
import { MiniCosmos } from "./mini-cosmos.ts";
import { type Answer, host, type Loose, StandInServer } from "./stand-in-server.ts";

const uri = `https://${host}/repo`;

interface Shown {
  readonly type: string;
  readonly message: string;
  readonly data: object | null;
}

describe("mini-Cosmos", () => {
  let server: StandInServer;
  let cosmos: MiniCosmos;

  beforeEach(async () => {
    server = new StandInServer();
    await server.start();
    cosmos = await MiniCosmos.start({ ...server.network, retryDelayMs: 0 });
  });
  afterEach(async () => {
    await cosmos.close();
    await server.close();
  });

  async function call<T>(path: string, fields: object = {}): Promise<{ status: number; json: T }> {
    const response = await fetch(`${cosmos.url}/package/${path}`, {
      method: "POST",
      body: JSON.stringify(fields),
    });
    return { status: response.status, json: (await response.json()) as T };
  }

  const add = (name = "registry", more: object = {}) =>
    call<Shown>("repository/add", { name, uri, ...more });

  async function assertRefused(type: string, breakIt: () => void): Promise<void> {
    breakIt();
    const { status, json } = await add();
    assert.equal(json.type, type);
    assert.equal(status, type === "unhandled_exception" ? 400 : status);
    assert.ok(status >= 400);
    const { json: list } = await call("repository/list");
    assert.deepEqual(list, { repositories: [] }, "a repository that failed must not be stored");
  }

  const header = (name: string, value: string) => () => {
    server.repo = (answer) => ({ ...answer, headers: { ...answer.headers, [name]: value } });
  };
  const inPackages = (change: (one: Loose) => void) => () => {
    server.packages = (packages) => {
      for (const one of packages) change(one);
      return packages;
    };
  };

  it("reads a repository once before it keeps it", async () => {
    assert.deepEqual((await add()).json, { repositories: [{ name: "registry", uri }] });
    assert.equal(server.asked.length, 1);
  });

  it("refuses to list a repository twice, or out of range, or of another scheme", async () => {
    await add();
    assert.equal((await add()).json.type, "RepositoryAlreadyPresent");
    assert.equal((await add("other")).json.type, "RepositoryAlreadyPresent");
    assert.equal(
      (await add("third", { uri: `${uri}?3`, index: 2 })).json.type,
      "RepositoryAddIndexOutOfBounds",
    );
    assert.equal((await add("ftp", { uri: "ftp://x/repo" })).json.type, "UnsupportedRepositoryUri");
    assert.equal((await add("none", { uri: "repo" })).json.type, "RepositoryUriSyntax");
  });

  it("removes a repository by name or URI", async () => {
    await add();
    assert.equal((await call<Shown>("repository/delete")).json.type, "RepoNameOrUriMissing");
    const { json } = await call<Shown>("repository/delete", { name: "other" });
    assert.equal(json.message, "Repository name [other] is not present in the list");
    assert.deepEqual((await call("repository/delete", { uri })).json, { repositories: [] });
  });

  it("describes the newest release, or the version asked for", async () => {
    await add();
    const newest = await call<{ package: Loose }>("describe", { packageName: "hello" });
    assert.equal(newest.json.package["version"], "2.0");
    const asked = { packageName: "hello", packageVersion: "1.0" };
    const older = await call<{ package: Loose }>("describe", asked);
    assert.equal(older.json.package["version"], "1.0");
    const { status, json } = await call<Shown>("describe", { ...asked, packageVersion: "3" });
    assert.equal(status, 400);
    assert.deepEqual(json, {
      type: "VersionNotFound",
      message: "Version [3] of package [hello] not found",
      data: { packageName: "hello", packageVersion: "3" },
    });
  });

  it("lists versions and searches", async () => {
    await add();
    assert.deepEqual((await call("list-versions", { packageName: "hello" })).json, {
      results: { "1.0": "7", "2.0": "8" },
    });
    for (const [query, expected] of [
      [undefined, ["five", "hello"]],
      ["HELL", ["five", "hello"]],
      ["hel*", ["hello"]],
      ["nothing", []],
    ] as const) {
      const { json } = await call<{ packages: { name: string }[] }>("search", { query });
      assert.deepEqual(
        json.packages.map(({ name }) => name),
        expected,
        query,
      );
    }
  });

  it("prefers the repository that comes first, even with an older release", async () => {
    const other = new StandInServer();
    other.packages = (packages) =>
      packages.slice(0, 1).map((one) => ({ ...one, releaseVersion: 1, description: "other" }));
    await other.start();
    // Both names lead to their own server: the second repository is told by its port.
    const both = await MiniCosmos.start({
      ca: server.network.ca,
      retryDelayMs: 0,
      resolve: (name, port) => (port === 444 ? other : server).network.resolve(name, port),
    });
    const post = async (path: string, fields: object) => {
      const response = await fetch(`${both.url}/package/${path}`, {
        method: "POST",
        body: JSON.stringify(fields),
      });
      return (await response.json()) as { package: Loose };
    };
    try {
      await post("repository/add", { name: "one", uri });
      await post("repository/add", { name: "two", uri: `https://${host}:444/repo`, index: 0 });
      const { package: found } = await post("describe", { packageName: "hello" });
      assert.equal(found["description"], "other");
    } finally {
      await both.close();
      await other.close();
    }
  });

  it("fails every call when one repository fails", async () => {
    await add();
    server.repo = (answer) => ({ ...answer, status: 503 });
    for (const path of ["search", "describe", "list-versions"]) {
      const { status, json } = await call<Shown>(path, { packageName: "hello" });
      assert.deepEqual([status, json.type], [500, "UniverseClientHttpError"]);
    }
  });

  it("tries again what may pass, and nothing else", async () => {
    let failures = 2;
    const failing = (status: number) => (answer: Answer) => {
      failures -= 1;
      return failures >= 0 ? { ...answer, status } : answer;
    };
    server.repo = failing(500);
    assert.equal((await add()).status, 200);
    failures = 1;
    server.repo = failing(404);
    const { json } = await call<Shown>("search");
    assert.equal(json.type, "UniverseClientHttpError");
  });

  describe("refuses", () => {
    it("application/json", () =>
      assertRefused("UnsupportedContentType", header("Content-Type", "application/json")));
    it("identity", () =>
      assertRefused("UnsupportedContentEncoding", header("Content-Encoding", "identity")));
    it("redirects with 308", () =>
      assertRefused("UnsupportedRedirect", () => {
        server.repo = (answer) => ({ ...answer, status: 308 });
      }));
    it("a body that is no JSON", () =>
      assertRefused("JsonParsingError", () => {
        server.text = () => "<html>";
      }));
    it("missing tags", () =>
      assertRefused(
        "JsonDecodingError",
        inPackages((one) => {
          delete one["tags"];
        }),
      ));
    it("a fraction as lastUpdated", () =>
      assertRefused(
        "JsonDecodingError",
        inPackages((one) => {
          Object.assign(one, { lastUpdated: 1.5 });
        }),
      ));
    it("a connection that breaks", () =>
      assertRefused("RepositoryUriConnection", () => {
        server.intercept = (_request, response) => {
          response.destroy();
          return true;
        };
      }));
  });

  describe("resources", () => {
    const icon = async (): Promise<string> => {
      const { json } = await call<{ package: Loose }>("describe", { packageName: "hello" });
      return String(json.package["resource"]?.["images"]?.["icon-small"]);
    };

    it("come through the proxy, named as in our URL", async () => {
      await add();
      const response = await fetch(await icon());
      assert.equal(response.status, 200);
      assert.equal(await response.text(), "small");
      assert.equal(response.headers.get("content-disposition"), 'attachment; filename="small.png"');
    });

    it("are those of the repositories alone, letter by letter", async () => {
      await add();
      const response = await fetch(`${await icon()}?`);
      assert.equal(response.status, 403);
      assert.equal(((await response.json()) as Shown).type, "Forbidden");
    });

    it("need a length", async () => {
      await add();
      server.file = ({ headers: { "Content-Length": _, ...headers }, ...answer }) => ({
        ...answer,
        headers,
      });
      const response = await fetch(await icon());
      assert.equal(response.status, 400);
      assert.equal(((await response.json()) as Shown).type, "GenericHttpError");
    });
  });

  describe("CLI installation", () => {
    it("takes an executable and a zip", async () => {
      await add();
      assert.deepEqual(await installCli(cosmos.url, "hello", "linux"), {
        files: ["bin/dcos-hello"],
      });
      assert.deepEqual(await installCli(cosmos.url, "hello", "darwin"), {
        files: ["bin/dcos-hello"],
      });
    });

    it("says which platform is missing", async () => {
      await add();
      await assert.rejects(
        installCli(cosmos.url, "hello", "windows"),
        /'hello' isn't available for 'windows'/,
      );
    });

    it("refuses a hash in upper case", async () => {
      inPackages((one) => {
        const binary = one["resource"]?.["cli"]?.["binaries"]?.["linux"]?.["x86-64"];
        const value = String(binary?.["contentHash"]?.[0]?.["value"]).toUpperCase();
        Object.assign(binary ?? {}, { contentHash: [{ algo: "sha256", value }] });
      })();
      await add();
      await assert.rejects(installCli(cosmos.url, "hello", "linux"), /content hash mismatch/);
    });
  });
});
