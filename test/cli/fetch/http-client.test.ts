import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { createSecureContext } from "node:tls";
import { HttpClient } from "../../../src/cli/fetch/http-client.ts";
import { ProxyInvalid } from "../../../src/network/network-error.ts";
import { CertificateAuthority } from "../../fixtures/certificate-authority.ts";
import { ConnectProxy } from "../../fixtures/connect-proxy.ts";
import { Origin, redirectTo } from "../../fixtures/origin.ts";
import { plainClient, Web } from "./web.ts";

const signal = new AbortController().signal;

async function text(answer: { body: AsyncIterable<unknown> }): Promise<string> {
  let all = "";
  for await (const chunk of answer.body) all += chunk;
  return all;
}

describe("HttpClient", () => {
  let web: Web;
  let other: Web;
  const clients: HttpClient[] = [];
  const client = (environment: Record<string, string> = {}) => {
    const made = plainClient(environment);
    clients.push(made);
    return made;
  };

  before(async () => {
    [web, other] = await Promise.all([Web.start(), Web.start()]);
  });
  after(() => Promise.all([web.close(), other.close()]));
  afterEach(async () => {
    web.requests.length = 0;
    other.requests.length = 0;
    await Promise.all(clients.splice(0).map((made) => made.close()));
  });

  const redirect = (location: string) => {
    web.handler = (request, response) => {
      if (request.url === "/") response.writeHead(302, { Location: location }).end();
      else response.end("here");
    };
  };

  it("follows relative and absolute redirects and says where it ended", async () => {
    for (const location of ["next", "/next", web.url("/next").href, `//${web.host}/next`]) {
      redirect(location);
      const answer = await client().send(web.url(), { signal });
      assert.equal(answer.url.href, web.url("/next").href);
      assert.equal(await text(answer), "here");
    }
  });

  it("sends credentials to the origin they are for, and to no other", async () => {
    redirect(other.url("/next").href);
    other.handler = (_request, response) => response.end("there");
    const authorization = "Bearer secret";
    await text(await client().send(web.url(), { authorization, signal }));
    assert.equal(web.requests[0]?.headers.authorization, authorization);
    assert.equal(other.requests[0]?.headers.authorization, undefined);
    redirect("/next");
    await text(await client().send(web.url(), { authorization, signal }));
    assert.equal(web.requests.at(-1)?.headers.authorization, authorization);
  });

  it("takes user and password out of a URL", async () => {
    web.handler = (_request, response) => response.end();
    const url = new URL(`http://us%40er:p%3Aw@${web.host}/`);
    await text(await client().send(url, { signal }));
    const expected = `Basic ${Buffer.from("us@er:p:w").toString("base64")}`;
    assert.equal(web.requests[0]?.headers.authorization, expected);
    assert.equal(web.requests[0]?.headers.host, web.host);
  });

  it("follows ten redirects and not eleven", async () => {
    web.handler = (request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end("end");
      else response.writeHead(307, { Location: `/${left - 1}` }).end();
    };
    assert.equal(await text(await client().send(web.url("/10"), { signal })), "end");
    await assert.rejects(client().send(web.url("/11"), { signal }), /more than 10 redirects/);
  });

  it("does not follow a POST, nor a redirect to something that is not HTTP", async () => {
    redirect("/next");
    const answer = await client().send(web.url(), { method: "POST", body: "x", signal });
    assert.equal(answer.status, 302);
    await answer.discard();
    redirect("file:///etc/passwd");
    await assert.rejects(client().send(web.url(), { signal }), /redirected to something not HTTP/);
  });

  it("names what is wrong with the network", async () => {
    const closed = await Web.start();
    const url = closed.url();
    await closed.close();
    await assert.rejects(client().send(url, { signal }), /^FetchFailed: connection refused$/);
    const nowhere = new URL("http://no-such-host.invalid/");
    await assert.rejects(client().send(nowhere, { signal }), /name not found/);
    const noTls = new URL(`https://${web.host}/`);
    await assert.rejects(client().send(noTls, { signal }), /TLS failed/);
  });

  it("refuses a proxy variable that is no URL, without showing it", () => {
    for (const value of ["http://user:secret@", "ftp://secret/", "http://secret:99999999"]) {
      assert.throws(
        () => client({ HTTPS_PROXY: value }),
        (error) => {
          assert.ok(error instanceof ProxyInvalid);
          assert.match(error.message, /HTTPS_PROXY/);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    }
  });
});

describe("HttpClient behind a proxy", () => {
  const authority = new CertificateAuthority("Client root");
  const trust = createSecureContext({ ca: authority.certificate });
  let origin: Origin;
  let proxy: ConnectProxy;

  before(async () => {
    origin = await Origin.start(authority);
    proxy = await ConnectProxy.start(origin);
    origin.serve("https://a.example.com/x", "tunnelled");
    origin.serve("http://a.example.com/x", "forwarded");
    origin.serve("https://a.example.com/down", redirectTo("http://a.example.com/x"));
    origin.serve("http://a.example.com/up", redirectTo("https://a.example.com/x"));
  });
  after(async () => {
    await proxy.close();
    await origin.close();
  });

  const send = async (url: string, environment: Record<string, string>) => {
    const client = new HttpClient({ environment, trust, userAgent: "test/1" });
    try {
      return await text(await client.send(new URL(url), { signal }));
    } finally {
      await client.close();
    }
  };

  it("tunnels https and forwards http", async () => {
    const environment = { https_proxy: proxy.url, HTTP_PROXY: proxy.url.replace("http://", "") };
    assert.equal(await send("https://a.example.com/x", environment), "tunnelled");
    assert.equal(await send("http://a.example.com/x", environment), "forwarded");
    assert.deepEqual(proxy.tunnels, ["a.example.com:443"]);
  });

  it("takes the proxy of http for http only", async () => {
    const sent = send("https://a.example.invalid/x", { HTTP_PROXY: proxy.url });
    await assert.rejects(sent, /name not found/);
  });

  it("obeys NO_PROXY", async () => {
    for (const excluded of [
      "*",
      "example.invalid",
      ".example.invalid,x",
      "a.example.invalid:443",
    ]) {
      const environment = { HTTPS_PROXY: proxy.url, NO_PROXY: excluded };
      await assert.rejects(send("https://a.example.invalid/x", environment), /name not found/);
    }
  });

  it("goes up from http to https, never down", async () => {
    const environment = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url };
    assert.equal(await send("http://a.example.com/up", environment), "tunnelled");
    await assert.rejects(send("https://a.example.com/down", environment), /redirected to http$/);
  });
});

describe("HttpClient and a proxy that refuses", () => {
  it("says what the proxy answered", async () => {
    const server = createServer();
    server.on("connect", (_request, socket) => {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const client = plainClient({ HTTPS_PROXY: `http://127.0.0.1:${port}` });
    const sent = client.send(new URL("https://example.org/"), { signal });
    await assert.rejects(sent, /^FetchFailed: the proxy answered 407$/);
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  });
});
