/** Protects what users are told when the registry cannot be reached, or is not what answers. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, it } from "node:test";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { ConnectProxy } from "../fixtures/connect-proxy.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { type CliRun, type CliRunOptions, runInProcess } from "./run-in-process.ts";
import { writeSmallBundle } from "./small-bundle.ts";

const authority = new CertificateAuthority();
let directory: string;
let secure: FakeRegistry;
let plain: FakeRegistry;

before(async () => {
  directory = await makeScratch("cli-network");
  await writeFile(path.join(directory, "ca.crt"), authority.certificate);
  await writeFile(path.join(directory, "other.crt"), new CertificateAuthority("Other").certificate);
  secure = await FakeRegistry.start({ tls: authority.issue("127.0.0.1") });
  plain = await FakeRegistry.start();
});
after(async () => {
  await Promise.all([secure.stop(), plain.stop()]);
  await removeScratch(directory);
});

function list(args: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  return runInProcess(["list", ...args], { workingDirectory: directory, ...options });
}

/** What `list` prints when something else answers `status` with `body`. */
async function listAgainst(
  status: number,
  headers: Record<string, string>,
  body: string,
): Promise<CliRun> {
  plain.instead = (_request, response) => void response.writeHead(status, headers).end(body);
  try {
    return await list(["--url", plain.url]);
  } finally {
    plain.instead = undefined;
  }
}

const html = { "Content-Type": "text/html" };

describe("a registry that cannot be reached", () => {
  it("names the host that does not exist", async () => {
    const { code, stderr } = await list(["--url", "https://no-such-host.invalid/x"]);
    assert.match(
      stderr,
      /^Error: (?:there is no host named|the name server did not answer for) no-s/,
    );
    assert.match(stderr, /\n {2}at https:\/\/no-such-host\.invalid\/x\/package\/list\n/);
    assert.equal(code, 5);
  });

  it("names the port where nothing listens", async () => {
    const port = await freePort();
    const { code, stderr } = await list(["--url", `https://127.0.0.1:${port}`]);
    assert.match(
      stderr,
      new RegExp(`^Error: nothing listens on port ${port} of 127\\.0\\.0\\.1\n`),
    );
    assert.equal(code, 5);
  });

  it("tells a peer that does not speak TLS", async () => {
    const { code, stderr } = await list(["--url", plain.url.replace("http:", "https:")]);
    assert.match(stderr, /^Error: 127\.0\.0\.1:\d+ does not speak TLS\n/);
    assert.equal(code, 5);
  });

  it("tells a connection that breaks", async () => {
    plain.instead = (request) => void request.socket.destroy();
    const { code, stderr } = await list(["--url", plain.url]);
    plain.instead = undefined;
    assert.match(stderr, /^Error: the connection broke before the answer came\n/);
    assert.equal(code, 5);
  });
});

describe("a proxy", () => {
  const url = "https://registry.test/service/x";
  let proxied: FakeRegistry;
  let proxy: ConnectProxy;

  before(async () => {
    const tls = authority.issue("registry.test");
    proxied = await FakeRegistry.start({ tls, prefix: "/service/x" });
    proxy = await ConnectProxy.start({ plainPort: plain.port, tlsPort: proxied.port });
  });
  after(async () => {
    await proxy.close();
    await proxied.stop();
  });

  it("is used for https when HTTPS_PROXY names it, with our own trust behind it", async () => {
    const environment = { HTTPS_PROXY: proxy.url, NO_PROXY: "other.test" };
    const { code, stderr } = await list(["--url", url, "--ca", "ca.crt"], { environment });
    assert.equal(code, 0, stderr);
    assert.deepEqual(proxy.tunnels, ["registry.test:443"]);
    const untrusted = await list(["--url", url], { environment });
    assert.match(untrusted.stderr, /^Error: the certificate of registry\.test is signed by a CA/);
  });

  it("is not used for hosts in NO_PROXY, this machine, or another scheme", async () => {
    const used = proxy.tunnels.length;
    const skipped = { HTTPS_PROXY: proxy.url, NO_PROXY: "registry.test" };
    assert.equal((await list(["--url", url], { environment: skipped })).code, 5);
    const http = { HTTP_PROXY: proxy.url };
    assert.equal((await list(["--url", url], { environment: http })).code, 5);
    const environment = { HTTPS_PROXY: proxy.url };
    const local = await list(["--url", secure.url, "--ca", "ca.crt"], { environment });
    assert.equal(local.code, 0);
    assert.equal(proxy.tunnels.length, used);
  });

  it("is named when it is what cannot be reached", async () => {
    const environment = { HTTPS_PROXY: `http://me:secret@127.0.0.1:${await freePort()}` };
    const { code, stderr } = await list(["--url", url], { environment });
    assert.match(stderr, /^Error: the proxy cannot be reached: nothing listens on port \d+ of 127/);
    assert.match(stderr, /\nHint: check HTTPS_PROXY, or name registry\.test in NO_PROXY/);
    assert.ok(!stderr.includes("secret"));
    assert.equal(code, 5);
  });

  it("is named when it refuses, or hangs up", async () => {
    const refusing = await startProxy((client) => client.end("HTTP/1.1 407 Login\r\n\r\n"));
    const refused = await list(["--url", url], { environment: { HTTPS_PROXY: refusing.url } });
    await refusing.close();
    assert.match(
      refused.stderr,
      /^Error: the proxy 127\.0\.0\.1:\d+ does not let us through: HTTP 407\n/,
    );
    assert.equal(refused.code, 5);

    const closing = await startProxy((client) => client.end());
    const closed = await list(["--url", url], { environment: { HTTPS_PROXY: closing.url } });
    await closing.close();
    assert.match(closed.stderr, /^Error: the proxy 127\.0\.0\.1:\d+ closes the connection instead/);
    assert.deepEqual([closed.code, closing.asked()], [5, 1]);
  });

  it("is a URL", async () => {
    const environment = { HTTPS_PROXY: "ftp://me:secret@x" };
    const { code, stderr } = await list(["--url", url], { environment });
    assert.match(stderr, /^Error: HTTPS_PROXY is not the URL of an HTTP proxy\n/);
    assert.ok(!stderr.includes("secret"));
    assert.equal(code, 2);
  });
});

describe("trust", () => {
  it("refuses a certificate of an unknown CA and says which option helps", async () => {
    secure.asked.length = 0;
    const { code, stderr } = await list(["--url", secure.url]);
    assert.match(
      stderr,
      /^Error: the certificate of 127\.0\.0\.1:\d+ is signed by a CA that is not/,
    );
    assert.match(stderr, /\nHint: pass --ca FILE with that CA/);
    assert.equal(code, 5);
    assert.deepEqual(secure.asked, []);
  });

  it("names the CA file that does not help", async () => {
    const { stderr } = await list(["--url", secure.url, "--ca", "other.crt"]);
    assert.match(stderr, /\(trusted: only other\.crt\)/);
  });

  it("refuses a certificate for another name", async () => {
    const url = secure.url.replace("127.0.0.1", "localhost");
    const { code, stderr } = await list(["--url", url, "--ca", "ca.crt"]);
    assert.match(
      stderr,
      /^Error: the certificate of localhost:\d+ is not made for the name localh/,
    );
    assert.equal(code, 5);
  });

  it("trusts the CA of --ca, and of DCOS_REGISTRY_CA", async () => {
    assert.equal((await list(["--url", secure.url, "--ca", "ca.crt"])).code, 0);
    const environment = { DCOS_REGISTRY_CA: "ca.crt", DCOS_REGISTRY_URL: secure.url };
    assert.equal((await list([], { environment })).code, 0);
  });

  it("refuses a CA file without a certificate", async () => {
    await writeFile(path.join(directory, "key.pem"), "-----BEGIN PRIVATE KEY-----\n");
    const { code, stderr } = await list(["--url", secure.url, "--ca", "key.pem"]);
    assert.match(stderr, /^Error: the CA file holds no certificate\n {2}at key\.pem\n/);
    assert.equal(code, 1);
  });
});

describe("answers that are not the registry's", () => {
  it("tells an HTML page of a proxy, by what its status means", async () => {
    const cases = [
      [200, 5, /HTTP 200 with an HTML page: this is not the registry's own answer/],
      [401, 4, /^Error response from registry: HTTP 401 with an HTML page/],
      [403, 4, /HTTP 403 with an HTML page/],
      [413, 8, /\nHint: a proxy in between limits the size of requests/],
      [502, 5, /\nHint: the registry is starting, overloaded or down/],
      [504, 5, /\nHint: the registry is starting, overloaded or down/],
    ] as const;
    for (const [status, code, pattern] of cases) {
      const run = await listAgainst(status, html, "<html><body>no</body></html>");
      assert.match(run.stderr, pattern);
      assert.equal(run.code, code, `status ${status}`);
    }
  });

  it("tells JSON of another program", async () => {
    const { code, stderr } = await listAgainst(200, {}, '{"packages":"many"}');
    assert.match(stderr, /^Error: HTTP 200 with something that is no JSON document/);
    assert.equal(code, 5);
  });

  it("does not follow a redirect", async () => {
    const location = "https://elsewhere.invalid/login";
    const { code, stderr } = await listAgainst(302, { Location: location }, "");
    assert.match(stderr, /^Error: the address redirects to https:\/\/elsewhere\.invalid\/login\n/);
    assert.equal(code, 5);
  });

  it("takes an error in a body whose headers went out early", async () => {
    const refusal = { type: "PackageConflict", message: "other content", data: null };
    const { code, stderr } = await listAgainst(200, {}, JSON.stringify(refusal));
    assert.match(stderr, /^Error response from registry: other content\n/);
    assert.equal(code, 7);
  });

  it("shows the findings of the registry", async () => {
    const finding = { code: "E115", severity: "error", file: "metadata.json", message: "bad name" };
    const refusal = { type: "PACKAGE_INVALID", message: "bad", data: { findings: [finding] } };
    const { code, stderr } = await listAgainst(400, {}, JSON.stringify(refusal));
    assert.match(
      stderr,
      /^metadata\.json: error E115: bad name\nError response from registry: the p/,
    );
    assert.equal(code, 1);
  });
});

describe("an upload that does not go through", () => {
  const refusal = JSON.stringify({ type: "UNAUTHORIZED", message: "who are you", data: {} });

  /** Answers before the body has come, as a registry does that refuses by the headers. */
  function refuseEarly(response: ServerResponse): void {
    const headers = { "Content-Type": "application/json", Connection: "close" };
    response.writeHead(401, { ...headers, "Content-Length": refusal.length }).end(refusal);
  }

  for (const kind of ["http", "https"] as const) {
    it(`reports the answer that comes while we still send, over ${kind}`, async () => {
      const bundle = await writeSmallBundle(directory, { name: "big", contentBytes: 40_000_000 });
      const registry = kind === "http" ? plain : secure;
      registry.instead = (_request, response) => refuseEarly(response);
      const args = ["add", "--dcos-file", bundle, "--url", registry.url, "--ca", "ca.crt"];
      const { code, stdout, stderr } = await runInProcess(args, { workingDirectory: directory });
      registry.instead = undefined;
      assert.match(stderr, /^Error response from registry: who are you\n {2}at http/);
      assert.match(stderr, /\nHint: pass --token-file FILE/);
      assert.deepEqual([code, stdout], [4, ""]);
    });
  }

  it("says so when the registry takes no more bytes and then goes away", async () => {
    const bundle = await writeSmallBundle(directory, { name: "big", contentBytes: 40_000_000 });
    plain.instead = (request) => {
      request.once("data", () => request.socket.resetAndDestroy());
    };
    const args = ["add", "--dcos-file", bundle, "--url", plain.url];
    const { code, stderr } = await runInProcess(args, { workingDirectory: directory });
    plain.instead = undefined;
    assert.match(stderr, /^Error: the connection broke before the answer came\n/);
    assert.equal(code, 5);
  });

  it("ends with 130 when it is interrupted, and says how to go on", async () => {
    const bundle = await writeSmallBundle(directory, { name: "big", contentBytes: 40_000_000 });
    const interrupted = new AbortController();
    plain.instead = (request) => void request.once("data", () => interrupted.abort());
    const args = ["add", "--dcos-file", bundle, "--url", plain.url];
    const { signal } = interrupted;
    const { code, stderr } = await runInProcess(args, { workingDirectory: directory, signal });
    plain.instead = undefined;
    assert.match(
      stderr,
      /^Error: interrupted\n {2}at .*big-1\.0\.dcos\nHint: run the same command ag/,
    );
    assert.equal(code, 130);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 1;
}

/** A proxy that does one thing to whoever asks for a tunnel. */
async function startProxy(answer: (client: Duplex) => void) {
  let asked = 0;
  const server = createHttpServer().on("connect", (_request, client) => {
    asked += 1;
    answer(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked: () => asked,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
