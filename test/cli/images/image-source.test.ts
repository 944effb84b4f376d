import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { HttpClient } from "../../../src/cli/fetch/http-client.ts";
import { type Credentials, DockerCredentials } from "../../../src/cli/images/docker-credentials.ts";
import { ImageSource } from "../../../src/cli/images/image-source.ts";
import { ImageUnavailable } from "../../../src/cli/images/image-unavailable.ts";
import { RegistrySession } from "../../../src/cli/images/registry-session.ts";
import { mediaType } from "../../../src/oci/media-type.ts";
import { amd64, arm64, makeImage, makeIndex, type TestImage } from "../../fixtures/image.ts";
import { type Handler, plainClient, Web } from "../fetch/web.ts";

const signal = new AbortController().signal;
setMaxListeners(0, signal);
const retry = { backOffMs: 1, signal };

/** What the registry of a test answers to a path; what it does not know is a 404. */
type Answers = Record<string, Handler>;

describe("ImageSource", () => {
  let web: Web;
  let client: HttpClient;
  let image: TestImage;
  let answers: Answers;

  before(async () => {
    web = await Web.start();
    client = plainClient();
    image = await makeImage({ platform: amd64, layers: [[{ path: "x", content: "x" }]] });
  });
  after(async () => {
    await client.close();
    await web.close();
  });
  beforeEach(() => {
    answers = { "/v2/": (_request, response) => response.end("{}") };
    web.handler = (request, response) => {
      const path = new URL(request.url ?? "/", "http://x").pathname;
      const answer = answers[path];
      if (answer) answer(request, response);
      else response.writeHead(404).end();
    };
  });
  afterEach(() => {
    web.requests.length = 0;
  });

  const find = (name: string, platform = amd64) =>
    new ImageSource({
      client,
      credentials: new DockerCredentials({}, signal),
      platform,
      insecureRegistries: [],
      retry,
    }).find(`${web.host}/${name}`);

  const refusal = async (name: string): Promise<ImageUnavailable> => {
    const error = await find(name).then(
      () => assert.fail("was found"),
      (reason) => reason,
    );
    assert.ok(error instanceof ImageUnavailable, String(error));
    return error;
  };

  const send =
    (bytes: Buffer | string, type: string, headers: Record<string, string> = {}) =>
    (_request: IncomingMessage, response: ServerResponse) => {
      const length = String(Buffer.byteLength(bytes));
      response.writeHead(200, { "Content-Type": type, "Content-Length": length, ...headers });
      response.end(bytes);
    };

  /** Puts every manifest of `found` below its digest, and the first below a tag. */
  const publish = (found: TestImage, tag = "1") => {
    for (const [digest, { descriptor, bytes }] of found.contents) {
      const headers = { "Docker-Content-Digest": digest };
      const path = `/v2/acme/db/manifests/${digest}`;
      answers[path] = send(bytes, descriptor.mediaType, headers);
      if (digest === found.descriptor.digest)
        answers[`/v2/acme/db/manifests/${tag}`] = answers[path];
    }
  };
  const asked = () => web.requests.map(({ method, url }) => `${method} ${url}`);

  it("asks for the digest, then fetches the manifest by it, byte for byte", async () => {
    publish(image);
    const found = await find("acme/db:1");
    const { digest } = image.descriptor;
    assert.equal(found.reference, `${web.host}/acme/db:1`);
    assert.equal(found.descriptor.digest, digest);
    assert.deepEqual([...found.documents.keys()], [digest]);
    assert.deepEqual(asked(), [
      "GET /v2/",
      "HEAD /v2/acme/db/manifests/1",
      `GET /v2/acme/db/manifests/${digest}`,
    ]);
    for (const { headers } of web.requests.slice(1)) {
      for (const type of ["ociIndex", "dockerList", "ociManifest", "dockerManifest"] as const) {
        assert.ok(headers.accept?.includes(mediaType[type]));
      }
    }
  });

  it("does not ask for a digest that the reference has", async () => {
    publish(image);
    const { digest } = image.descriptor;
    const found = await find(`acme/db:1@${digest}`);
    assert.equal(found.reference, `${web.host}/acme/db:1@${digest}`);
    assert.deepEqual(asked(), ["GET /v2/", `GET /v2/acme/db/manifests/${digest}`]);
  });

  it("fetches by tag from registries that refuse HEAD or hide the digest", async () => {
    const { bytes } = image.contents.get(image.descriptor.digest) ?? assert.fail();
    for (const refused of [403, 405, 200]) {
      answers["/v2/acme/db/manifests/1"] = (request, response) => {
        if (request.method === "HEAD" && refused !== 200) response.writeHead(refused).end();
        else send(bytes, mediaType.dockerManifest)(request, response);
      };
      assert.equal((await find("acme/db:1")).descriptor.digest, image.descriptor.digest);
    }
  });

  it("takes from an index the wanted platform only, arm64 meaning arm64/v8", async () => {
    const layers = [[{ path: "x", content: "arm" }]];
    const other = await makeImage({ platform: arm64, layers });
    const index = makeIndex([other, image], "oci");
    publish(index);
    const found = await find("acme/db:1");
    assert.deepEqual(
      [...found.documents.keys()],
      [index.descriptor.digest, image.descriptor.digest],
    );
    for (const platform of [arm64, { os: "linux", architecture: "arm64" }]) {
      assert.equal((await find("acme/db:1", platform)).manifest.digest, other.descriptor.digest);
    }
  });

  it("reads the type from the document when a proxy lost it", async () => {
    const { bytes } = image.contents.get(image.descriptor.digest) ?? assert.fail();
    answers["/v2/acme/db/manifests/1"] = send(bytes, "application/octet-stream");
    assert.equal((await find("acme/db:1")).descriptor.mediaType, mediaType.dockerManifest);
  });

  it("refuses a manifest that is not what its digest says", async () => {
    publish(image);
    const path = `/v2/acme/db/manifests/${image.descriptor.digest}`;
    answers[path] = send("{}", mediaType.dockerManifest);
    assert.match((await refusal("acme/db:1")).message, /the registry's answer is not sha256:/);
  });

  it("refuses schema 1 with the way out", async () => {
    for (const type of [
      mediaType.dockerSchema1,
      mediaType.dockerSchema1Signed,
      "application/json",
    ]) {
      answers["/v2/acme/db/manifests/1"] = send('{"schemaVersion": 1}', type);
      const error = await refusal("acme/db:1");
      assert.match(error.message, /schema 1 manifests are not supported/);
      assert.match(error.hint ?? "", /push it again/);
    }
  });

  it("refuses layers that must not be distributed", async () => {
    const { bytes } = image.contents.get(image.descriptor.digest) ?? assert.fail();
    const manifest = Buffer.from(
      String(bytes).replace(mediaType.dockerLayerGzip, mediaType.dockerForeignLayer),
    );
    answers["/v2/acme/db/manifests/1"] = send(manifest, mediaType.dockerManifest);
    assert.match((await refusal("acme/db:1")).message, /layers that must not be bundled/);
  });

  it("refuses web pages, broken and endless manifests", async () => {
    answers["/v2/acme/db/manifests/1"] = send("<html>", "text/html");
    assert.match((await refusal("acme/db:1")).message, /answers with a web page/);
    for (const text of ["", "{", "[]", '{"schemaVersion":2}']) {
      answers["/v2/acme/db/manifests/1"] = send(text, mediaType.ociManifest);
      await refusal("acme/db:1");
    }
    answers["/v2/acme/db/manifests/1"] = send("x".repeat(5_000_000), mediaType.ociManifest);
    assert.match((await refusal("acme/db:1")).message, /longer than 4194304 bytes/);
  });

  it("says that an image is not there, or that its registry is not", async () => {
    const error = await refusal("acme/none:1");
    const expected = `image "${web.host}/acme/none:1": not found in ${web.host} (or it needs a login)`;
    assert.equal(error.message, expected);
    assert.equal(error.hint, `to log in: docker login ${web.host}`);
    const gone = await Web.start();
    const { host } = gone;
    await gone.close();
    const source = new ImageSource({
      client,
      credentials: new DockerCredentials({}, signal),
      platform: amd64,
      insecureRegistries: [],
      retry,
    });
    await assert.rejects(source.find(`${host}/a:1`), /connection refused/);
  });

  it("tries again when the registry is busy, and names its limit", async () => {
    publish(image);
    const { digest } = image.descriptor;
    const path = `/v2/acme/db/manifests/${digest}`;
    const fine = answers[path] ?? assert.fail();
    let refused = 0;
    answers[path] = (request, response) => {
      refused += 1;
      if (refused < 3) response.writeHead(503).end();
      else fine(request, response);
    };
    await find("acme/db:1");
    answers[path] = (_request, response) => void response.writeHead(429).end();
    const error = await refusal("acme/db:1");
    assert.match(error.message, /HTTP 429 Too Many Requests/);
    assert.match(error.hint ?? "", /limits pulls/);
  });

  it("speaks plain HTTP with no other host than this machine", async () => {
    publish(image);
    const port = web.host.split(":")[1];
    const named = (insecureRegistries: string[]) =>
      new ImageSource({
        client,
        credentials: new DockerCredentials({}, signal),
        platform: amd64,
        insecureRegistries,
        retry,
      }).find(`127.1:${port}/acme/db:1`);
    await assert.rejects(named([]), /TLS failed/);
    assert.equal((await named([`127.1:${port}`])).descriptor.digest, image.descriptor.digest);
  });
});

describe("RegistrySession", () => {
  let web: Web;
  let client: HttpClient;
  let accepted: string | undefined;
  let tokens: number;

  before(async () => {
    web = await Web.start();
    client = plainClient();
  });
  after(async () => {
    await client.close();
    await web.close();
  });
  beforeEach(() => {
    tokens = 0;
    accepted = undefined;
    web.requests.length = 0;
  });

  const session = (credentials?: Credentials, allowHttp = true) =>
    new RegistrySession({
      client,
      host: web.host,
      repository: "acme/db",
      findCredentials: async () => credentials,
      allowHttp,
      retry,
    });
  const challenge = (response: ServerResponse, text: string) =>
    void response.writeHead(401, { "WWW-Authenticate": text }).end();
  const bearer = (realm = web.url("/token?from=realm").href) =>
    `Bearer realm="${realm}",service="registry",scope="repository:acme/db:pull"`;

  /** A token server and a registry behind one port. */
  const serve = (onToken: Handler, onContent: Handler) => {
    web.handler = (request, response) => {
      if (request.url?.startsWith("/token")) onToken(request, response);
      else onContent(request, response);
    };
  };
  const needsToken: Handler = (request, response) => {
    if (request.headers.authorization === "Bearer t") response.end();
    else challenge(response, bearer());
  };

  /** A registry whose tokens are good for one request each. */
  const shortLived = () => {
    const giveToken: Handler = (_request, response) => {
      tokens += 1;
      accepted = `Bearer token${tokens}`;
      response.end(JSON.stringify({ [tokens % 2 ? "token" : "access_token"]: `token${tokens}` }));
    };
    serve(giveToken, ({ headers }, response) => {
      const valid = accepted !== undefined && headers.authorization === accepted;
      accepted = undefined;
      if (valid) response.end("content");
      else challenge(response, bearer());
    });
  };

  it("gets a token, and another when that one has expired", async () => {
    shortLived();
    const registry = session();
    for (let round = 0; round < 3; round += 1) {
      const answer = await registry.send("GET", "blobs/x");
      assert.equal(answer.status, 200);
      await answer.discard();
    }
    assert.equal(tokens, 3);
    const asked = web.requests.filter(({ url }) => url?.startsWith("/token"));
    const query = new URL(asked[0]?.url ?? "/", "http://x").searchParams;
    assert.deepEqual(
      [...query],
      [
        ["from", "realm"],
        ["service", "registry"],
        ["scope", "repository:acme/db:pull"],
      ],
    );
  });

  it("shares one login between requests that need it at the same time", async () => {
    const giveToken: Handler = (_request, response) => {
      tokens += 1;
      response.end('{"token":"t"}');
    };
    serve(giveToken, (request, response) => {
      if (request.url === "/v2/") challenge(response, "Other");
      else needsToken(request, response);
    });
    const registry = session();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => registry.send("GET", "blobs/x")),
    );
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(tokens, 1);
  });

  it("returns a second 401 instead of asking for ever", async () => {
    serve(
      (_request, response) => response.end('{"token":"t"}'),
      (_request, response) => challenge(response, bearer()),
    );
    assert.equal((await session().send("GET", "blobs/x")).status, 401);
  });

  it("exchanges an identity token, also where only the older form is known", async () => {
    for (const oauth of [true, false]) {
      web.requests.length = 0;
      const giveToken: Handler = ({ method }, response) => {
        if (method === "POST" && !oauth) response.writeHead(404).end();
        else response.end('{"access_token":"t"}');
      };
      serve(giveToken, needsToken);
      const registry = session({ kind: "identity-token", token: "secret" });
      assert.equal((await registry.send("GET", "blobs/x")).status, 200);
      const methods = web.requests.filter(({ url }) => url?.startsWith("/token"));
      assert.deepEqual(
        methods.map(({ method }) => method),
        oauth ? ["POST"] : ["POST", "GET"],
      );
    }
  });

  it("sends a registry token and a password as they are", async () => {
    for (const [credentials, scheme, expected] of [
      [{ kind: "registry-token", token: "r" }, bearer(), "Bearer r"],
      [{ kind: "password", user: "u", password: "p" }, "Basic realm=x", "Basic dTpw"],
    ] as const) {
      web.handler = (request, response) => {
        if (request.headers.authorization === expected) response.end();
        else challenge(response, scheme);
      };
      assert.equal((await session(credentials).send("GET", "blobs/x")).status, 200);
    }
  });

  it("sends nothing to a token server that is not to be trusted", async () => {
    for (const [realm, message] of [
      ["http://169.254.169.254/token", /link-local/],
      ["http://[fe80::1]/token", /link-local/],
      ["ftp://x/token", /does not use https/],
      ["nonsense", /broken token server/],
    ] as const) {
      web.handler = (_request, response) => challenge(response, bearer(realm));
      await assert.rejects(session().send("GET", "blobs/x"), message);
    }
  });

  it("refuses answers of a token server that hold no token", async () => {
    for (const text of ["", "{}", '{"token":7}', '{"token":"a\\nb"}', "[]", "null"]) {
      serve((_request, response) => response.end(text), needsToken);
      await assert.rejects(session().send("GET", "blobs/x"), /answers no token/, text);
    }
  });
});
