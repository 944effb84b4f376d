/** Each rule of the stand-in checker, broken by a server that is right in everything else. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { profiles } from "../../src/cosmos/client-profile.ts";
import { makeZip } from "../../src/release/zip-archive.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { type CheckOptions, checkRepository } from "./check-repository.ts";
import { CatalogSchemas } from "./schema-rules.ts";
import { host, type Loose, StandInServer } from "./stand-in-server.ts";

type Break = (server: StandInServer) => void;
type Case = readonly [rule: string, what: string, breakIt: Break, options?: CheckOptions];

const url = `https://${host}/repo`;

/** Breaks one field of every package. */
const inPackages =
  (change: (one: Loose) => void): Break =>
  (server) => {
    server.packages = (packages) => {
      for (const one of packages) change(one);
      return packages;
    };
  };

const set = (field: string, value: unknown) =>
  inPackages((one) => {
    Object.assign(one, { [field]: value });
  });

const drop = (field: string) =>
  inPackages((one) => {
    delete one[field];
  });

const repoHeader =
  (name: string, value: string): Break =>
  (server) => {
    server.repo = (answer) => ({ ...answer, headers: { ...answer.headers, [name]: value } });
  };

const fileHeaders =
  (headers: Record<string, string | number | undefined>): Break =>
  (server) => {
    server.file = (answer) => ({
      ...answer,
      headers: Object.fromEntries(
        Object.entries({ ...answer.headers, ...headers }).filter(
          ([, value]) => value !== undefined,
        ),
      ) as Record<string, string>,
    });
  };

const redirect =
  (status: number, location: string): Break =>
  (server) => {
    server.intercept = ({ url: asked }, response) => {
      if (asked !== "/repo") return false;
      response.writeHead(status, { Location: location, "Content-Length": 0 }).end();
      return true;
    };
  };

/** Moves the repository and says where to, in a way that the client follows. */
const movedRepo: Break = (server) => {
  server.intercept = (request, response) => {
    if (request.url === "/moved") {
      request.url = "/repo";
      return false;
    }
    if (request.url !== "/repo") return false;
    response.writeHead(302, { Location: "/moved", "Content-Length": 0 }).end();
    return true;
  };
};

const zipOf = (files: Parameters<typeof makeZip>[0]): Break =>
  replacedBinary("darwin", makeZip(files));

/** Puts other bytes in the place of a CLI binary, with the right hash of them. */
function replacedBinary(platform: "linux" | "darwin", bytes: Buffer): Break {
  return (server) => {
    const value = createHash("sha256").update(bytes).digest("hex");
    inPackages((one) => {
      const binary = one["resource"]?.["cli"]?.["binaries"]?.[platform]?.["x86-64"];
      assert.ok(binary);
      Object.assign(binary, {
        url: `https://${host}/resources/${value}/dcos-hello`,
        contentHash: [{ algo: "sha256", value }],
      });
    })(server);
    server.files.set(`/resources/${value}/dcos-hello`, bytes);
  };
}

const resource = (change: (resource: Loose) => void) =>
  inPackages((one) => change(one["resource"] as Loose));

const binary = (change: (binary: Loose) => void) =>
  resource(({ cli }) => change(cli?.["binaries"]?.["linux"]?.["x86-64"] as Loose));

const cases: readonly Case[] = [
  ["T2", "redirects", movedRepo],
  ["T2", "redirects with 308", redirect(308, "/moved")],
  ["T2", "redirects to http", redirect(302, `http://${host}/repo`)],
  ["T2", "redirects for ever", redirect(302, "/repo")],
  [
    "T3",
    "answers 204",
    (server) => {
      server.repo = () => ({ status: 204, headers: {}, body: Buffer.alloc(0) });
    },
  ],
  [
    "T3",
    "breaks off",
    (server) => {
      server.intercept = ({ url: asked }, response) => {
        if (asked === "/repo") response.destroy();
        return asked === "/repo";
      };
    },
  ],
  [
    "T4",
    "says identity",
    (server) => {
      server.repo = (answer, { headers }) =>
        headers["accept-encoding"]
          ? { ...answer, headers: { ...answer.headers, "Content-Encoding": "identity" } }
          : answer;
    },
  ],
  [
    "T4",
    "zips half of it",
    (server) => {
      server.repo = (answer) => {
        const body = answer.body.subarray(0, answer.body.length - 9);
        return { ...answer, body, headers: { ...answer.headers, "Content-Length": body.length } };
      };
    },
  ],
  [
    "T4",
    "zips for everybody",
    (server) => {
      server.repo = (answer, { headers }) => {
        if (headers["accept-encoding"]) return answer;
        const body = gzipSync(answer.body);
        const more = { "Content-Length": body.length, "Content-Encoding": "gzip" };
        return { ...answer, body, headers: { ...answer.headers, ...more } };
      };
    },
  ],
  ["T5", "says plain JSON", repoHeader("Content-Type", "application/json")],
  [
    "T5",
    "says no type",
    (server) => {
      server.repo = ({ headers: { "Content-Type": _, ...headers }, ...answer }) => ({
        ...answer,
        headers,
      });
    },
  ],
  [
    "T5",
    "says an unknown version",
    repoHeader("Content-Type", "application/vnd.dcos.universe.repo+json;charset=utf-8;version=v6"),
  ],
  [
    "T5",
    "adds a parameter",
    (server) => {
      server.repo = (answer) => ({
        ...answer,
        headers: { ...answer.headers, "Content-Type": `${answer.headers["Content-Type"]};x=1` },
      });
    },
  ],
  [
    "T5",
    "spells it in another way",
    (server) => {
      server.repo = (answer) => ({
        ...answer,
        headers: {
          ...answer.headers,
          "Content-Type": String(answer.headers["Content-Type"]).replaceAll(";", "; "),
        },
      });
    },
  ],
  [
    "T7",
    "starts with a byte order mark",
    (server) => {
      server.text = (text) => `\ufeff${text}`;
    },
  ],
  [
    "T7",
    "is no UTF-8",
    (server) => {
      server.text = (text) => Buffer.from(text.replace("Says", "S\xe4ys"), "latin1");
    },
  ],
  [
    "T7",
    "is no JSON",
    (server) => {
      server.text = (text) => `${text},`;
    },
  ],
  [
    "T7",
    "repeats a key",
    (server) => {
      server.text = (text) =>
        text.replace('"framework":false', '"framework":false,"framework":false');
    },
  ],
  [
    "T8",
    "changes from one request to the next",
    (server) => {
      let count = 0;
      server.text = (text) => `${text}${" ".repeat(count++)}`;
    },
  ],
  [
    "D1",
    "has no packages",
    (server) => {
      server.text = () => '{"package":[]}';
    },
  ],
  [
    "D1",
    "lists null",
    (server) => {
      server.packages = () => [null];
    },
  ],
  ["D2", "invents a packaging version", set("packagingVersion", "6.0")],
  ["D2", "has a number as packaging version", set("packagingVersion", 4)],
  [
    "D2",
    "shows 5.0 to readers of v4",
    (server) => {
      server.packages = (packages, version) =>
        version === "v4"
          ? packages.map((one) => ({ ...(one as object), packagingVersion: "5.0" }))
          : packages;
    },
  ],
  [
    "D2",
    "shows 3.0 to readers of v5",
    (server) => {
      server.packages = (packages, version) =>
        version === "v5"
          ? packages.map((one) => ({ ...(one as object), packagingVersion: "3.0" }))
          : packages;
    },
  ],
  ["D3", "has no tags", drop("tags")],
  ["D3", "has a blank in a tag", set("tags", ["a b"])],
  ["D3", "has no maintainer", drop("maintainer")],
  ["D3", "has a number as description", set("description", 1)],
  [
    "D4",
    "has a text as release",
    inPackages((one) => {
      Object.assign(one, { releaseVersion: String(one["releaseVersion"]) });
    }),
  ],
  [
    "D4",
    "has a negative release",
    inPackages((one) => {
      Object.assign(one, { releaseVersion: -Number(one["releaseVersion"]) });
    }),
  ],
  ["D5", "has a number as website", set("website", 1)],
  ["D5", "has a text as framework", set("framework", "false")],
  ["D5", "has an array as config", set("config", [])],
  ["D6", "has a template that is no base64", set("marathon", { v2AppMustacheTemplate: "e30" })],
  ["D6", "has no template in marathon", set("marathon", {})],
  ["D6", "has a template that is no UTF-8", set("marathon", { v2AppMustacheTemplate: "/w==" })],
  ["D7", "has a licence without a URL", set("licenses", [{ name: "x" }])],
  [
    "D7",
    "has a licence URL that does not parse",
    set("licenses", [{ name: "x", url: "https://[" }]),
  ],
  ["D8", "has a leading zero in its minimum", set("minDcosReleaseVersion", "1.09")],
  ["D8", "has a number as minimum", set("minDcosReleaseVersion", 1.5)],
  ["D9", "has a fraction as lastUpdated", set("lastUpdated", 1.5)],
  ["D10", "has a text as upgradesFrom", set("upgradesFrom", "*")],
  ["D10", "has a manager without a name", set("manager", {})],
  [
    "D11",
    "has a container without docker",
    resource(({ assets }) => {
      Object.assign(assets as Loose, { container: {} });
    }),
  ],
  [
    "D11",
    "has a number as URI",
    resource(({ assets }) => {
      Object.assign(assets as Loose, { uris: { app: 1 } });
    }),
  ],
  [
    "D11",
    "has a text as screenshots",
    resource(({ images }) => {
      Object.assign(images as Loose, { screenshots: "x" });
    }),
    { resources: false },
  ],
  [
    "D12",
    "has a platform without x86-64",
    resource(({ cli }) => {
      Object.assign(cli?.["binaries"] as Loose, { windows: {} });
    }),
  ],
  [
    "D12",
    "has a binary without hashes",
    binary((one) => {
      delete one["contentHash"];
    }),
    { resources: false },
  ],
  [
    "M1",
    "lists a version twice",
    (server) => {
      server.packages = (packages) => [
        ...packages,
        { ...(packages[0] as object), releaseVersion: 99 },
      ];
    },
  ],
  [
    "M2",
    "uses a release twice",
    (server) => {
      server.packages = (packages) => [...packages, { ...(packages[0] as object), version: "9.9" }];
    },
  ],
  ["M3", "has an older default", () => {}, { newest: { hello: "1.0" } }],
  ["M4", "shows what needs a newer DC/OS", set("minDcosReleaseVersion", "1.13.2")],
  [
    "M6",
    "has a hash in upper case",
    binary((one) => {
      const [hash] = one["contentHash"] as unknown as { value: string }[];
      assert.ok(hash);
      hash.value = hash.value.toUpperCase();
    }),
    { resources: false },
  ],
  [
    "M6",
    "has two hashes",
    binary((one) => {
      const hashes = one["contentHash"] as unknown as object[];
      hashes.push({ ...hashes[0] });
    }),
  ],
  [
    "M7",
    "misses an image",
    (server) => {
      server.images.delete("hello/acme/web:2-0123456789ab");
    },
  ],
  [
    "P1",
    "answers 404 for a file",
    (server) => {
      server.file = (answer, asked) =>
        asked.endsWith("small.png") ? { ...answer, status: 404 } : answer;
    },
  ],
  [
    "P1",
    "has an empty file",
    (server) => {
      server.file = (answer, asked) =>
        asked.endsWith("small.png")
          ? {
              ...answer,
              body: Buffer.alloc(0),
              headers: { ...answer.headers, "Content-Length": 0 },
            }
          : answer;
    },
  ],
  ["P1", "sends a file in chunks", fileHeaders({ "Content-Length": undefined })],
  ["P1", "zips a file", fileHeaders({ "Content-Encoding": "gzip" })],
  ["P1", "sends a type that does not parse", fileHeaders({ "Content-Type": "text" })],
  ["P1", "sends no type", fileHeaders({ "Content-Type": undefined })],
  [
    "P1",
    "breaks off in a file",
    (server) => {
      server.intercept = ({ url: asked = "" }, response) => {
        if (!asked.endsWith("small.png")) return false;
        response.writeHead(200, { "Content-Type": "image/png", "Content-Length": 5 });
        response.write("sm", () => response.destroy());
        return true;
      };
    },
  ],
  [
    "P2",
    "serves another binary",
    (server) => {
      server.file = (answer, asked) =>
        asked.endsWith("dcos-hello") ? { ...answer, body: Buffer.from("\x7fELX") } : answer;
    },
  ],
  ["P3", "calls bytes a zip", replacedBinary("darwin", Buffer.from("text"))],
  ["P3", "calls a zip an executable", replacedBinary("linux", makeZip([]))],
  ["P3", "has a zip without a command", zipOf([{ path: "README", content: "x" }])],
  [
    "P3",
    "has a zip whose command cannot run",
    zipOf([{ path: "bin/dcos-x", content: "x", mode: 0o644 }]),
  ],
  [
    "P4",
    "renames a file",
    () => {},
    { originalName: ({ url: one }) => (one.endsWith("small.png") ? "icon.png" : undefined) },
  ],
];

describe("stand-in checker", () => {
  let server: StandInServer;
  const open: StandInServer[] = [];

  beforeEach(async () => {
    server = new StandInServer();
    await server.start();
    open.push(server);
  });
  after(async () => {
    await Promise.all(open.map((one) => one.close()));
  });

  async function brokenRules(options: CheckOptions = {}): Promise<string[]> {
    const found = await checkRepository(url, { ...server.network, ...options });
    return [...new Set(found.map(({ rule }) => rule))];
  }

  it("finds nothing wrong with a good repository", async () => {
    const options = { newest: { hello: "2.0" }, otherInstance: url };
    assert.deepEqual(await checkRepository(url, { ...server.network, ...options }), []);
  });

  it("T1: asks as Cosmos asks, header by header", async () => {
    await checkRepository(url, { ...server.network, profiles: profiles.slice(0, 1) });
    const type = "application/vnd.dcos.universe.repo+json;charset=utf-8;version=";
    assert.deepEqual(server.asked[0], {
      line: "GET /repo HTTP/1.1",
      headers: [
        ...["User-Agent", "cosmos/0.6.3 dcos/1.13.1"],
        ...["Accept", `${type}v5,${type}v4,${type}v3`],
        ...["Accept-Encoding", "gzip"],
        ...["Host", host],
        ...["Connection", "keep-alive"],
      ],
    });
  });

  for (const [rule, what, breakIt, options] of cases) {
    it(`${rule}: sees a server that ${what}`, async () => {
      breakIt(server);
      assert.deepEqual(await brokenRules(options), [rule]);
    });
  }

  for (const [what, uri] of [
    ["http", `http://${host}/resources/app.tgz`],
    ["another host", "https://other.test/app.tgz"],
    ["a port", `https://${host}:444/app.tgz`],
    ["the default port", `https://${host}:443/app.tgz`],
    ["a query", `https://${host}/app.tgz?raw`],
    ["a fragment", `https://${host}/app.tgz#a`],
    ["an ampersand", `https://${host}/a&b.tgz`],
    ["a blank", `https://${host}/a b.tgz`],
    ["dots", `https://${host}/a/../app.tgz`],
    ["no URL", "app.tgz"],
    ["nothing", ""],
  ] as const) {
    it(`M5: sees a URL with ${what}, unless the package keeps it`, async () => {
      resource(({ assets }) => {
        Object.assign(assets as Loose, { uris: { app: uri } });
      })(server);
      assert.deepEqual(await brokenRules({ resources: false }), ["M5"]);
      assert.deepEqual(await brokenRules({ keptUrls: [uri] }), []);
    });
  }

  it("M5: sees an escape in the URL of an icon", async () => {
    resource(({ images }) => {
      Object.assign(images as Loose, { "icon-small": `https://${host}/a%2Bb.png` });
    })(server);
    assert.deepEqual(await brokenRules({ resources: false }), ["M5"]);
  });

  it("T6: sees a certificate of another authority", async () => {
    const { certificate: ca } = new CertificateAuthority("Another root");
    assert.deepEqual(await brokenRules({ ca }), ["T6"]);
  });

  it("T6: sees a certificate for another name", async () => {
    const other = new StandInServer();
    other.names = ["other.test"];
    await other.start();
    open.push(other);
    assert.deepEqual(await brokenRules(other.network), ["T6"]);
  });

  it("T8: sees instances that differ", async () => {
    server.intercept = (request) => {
      if (request.url === "/other") request.url = "/repo";
      else return false;
      server.text = (text) => `${text} `;
      return false;
    };
    const otherInstance = `https://${host}/other`;
    assert.deepEqual(await brokenRules({ otherInstance, profiles: profiles.slice(0, 1) }), ["T8"]);
  });

  describe("schemas", () => {
    let directory: string;
    let schemas: CatalogSchemas;

    beforeEach(async () => {
      directory = path.join(await makeScratch("schemas"), "schema");
      await mkdir(directory);
      const named = { type: "object", properties: { tags: { maxItems: 2 } } };
      const definitions = { v30Package: named, v40Package: named, v50Package: named };
      const reference = (name: string) => ({ $ref: `vX-repo-definitions.json#/${name}` });
      const documents = {
        "vX-repo-definitions.json": definitions,
        "v3-repo-schema.json": { items: [reference("v30Package")] },
        "v4-repo-schema.json": { items: [reference("v40Package")] },
        "v5-repo-schema.json": { items: [reference("v40Package"), reference("v50Package")] },
        "config-schema.json": { properties: { required: { type: "array" } } },
      };
      for (const [name, document] of Object.entries(documents)) {
        await writeFile(path.join(directory, name), JSON.stringify(document));
      }
      schemas = await CatalogSchemas.read(directory);
    });
    after(() => removeScratch(path.dirname(directory)));

    it("S: finds nothing wrong with a good repository", async () => {
      assert.deepEqual(await brokenRules({ schemas }), []);
    });

    it("S1: sees a package that the schema refuses", async () => {
      set("tags", ["a", "b", "c"])(server);
      assert.deepEqual(await brokenRules({ schemas }), ["S1"]);
    });

    it("S1: sees other keys beside the packages", async () => {
      server.text = (text) => text.replace('{"packages"', '{"more":1,"packages"');
      assert.deepEqual(await brokenRules({ schemas }), ["S1"]);
    });

    it("S2: sees a config that is no schema", async () => {
      set("config", { required: true })(server);
      assert.deepEqual(await brokenRules({ schemas }), ["S2"]);
    });
  });
});
