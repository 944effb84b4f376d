/**
 * A small repository server over TLS, right in everything until a test breaks one thing of it.
 *
 * Written without any of the product's code, so that the checker is tested on its own.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { makeZip } from "../../src/release/zip-archive.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import type { Resolve } from "./java-fetch.ts";

export const host = "registry.test";
const base = `https://${host}/resources`;

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | number>;
  readonly body: Buffer;
}

/** A JSON object that a test may change at will. */
export interface Loose {
  [key: string]: Loose;
}

export type RepoVersion = "v3" | "v4" | "v5";

/** Shared by all servers of a process: making its keys is slow. */
const authority = new CertificateAuthority();

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

export class StandInServer {
  /** Names in the certificate; set before `start`. */
  names: readonly [string, ...string[]] = [host];
  /** Request lines and headers of `/repo`, as they came. */
  readonly asked: { readonly line: string; readonly headers: readonly string[] }[] = [];
  /** Changes the packages for readers of a version. */
  packages: (packages: Loose[], version: RepoVersion) => unknown = (packages) => packages;
  /** Changes the text of the document. */
  text: (text: string) => string | Buffer = (text) => text;
  /** Changes the answer of `/repo`. */
  repo: (answer: Answer, request: IncomingMessage) => Answer = (answer) => answer;
  /** Changes the answer for a file. */
  file: (answer: Answer, url: string) => Answer = (answer) => answer;
  /** Takes a request away from the standard answers. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly images = new Set(["hello/acme/db:1-0123456789ab", "hello/acme/web:2-0123456789ab"]);
  readonly files = new Map<string, Buffer>();
  #server: Server | undefined;

  async start(): Promise<void> {
    const { key, certificate } = authority.issue(...this.names);
    this.#server = createServer({ key, cert: certificate }, (request, response) => {
      if (!this.intercept(request, response)) this.#answer(request, response);
    });
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    if (this.#server) await once(this.#server, "close");
  }

  get network(): { readonly ca: string; readonly resolve: Resolve } {
    const address = this.#server?.address() as AddressInfo | undefined;
    const port = address?.port ?? 0;
    return { ca: authority.certificate, resolve: () => ({ host: "127.0.0.1", port }) };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = "", method } = request;
    const answer = this.#find(url, request);
    response.writeHead(answer.status, answer.headers);
    response.end(method === "HEAD" ? undefined : answer.body);
  }

  #find(url: string, request: IncomingMessage): Answer {
    if (url === "/repo") return this.repo(this.#repository(request), request);
    const bytes = this.files.get(url);
    if (bytes) {
      const type = "application/octet-stream";
      const headers = { "Content-Type": type, "Content-Length": bytes.length };
      return this.file({ status: 200, headers, body: bytes }, url);
    }
    const [, name, tag] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url) ?? [];
    const status = this.images.has(`${name}:${tag}`) ? 200 : 404;
    return { status, headers: { "Content-Length": 0 }, body: Buffer.alloc(0) };
  }

  #repository(request: IncomingMessage): Answer {
    this.asked.push({
      line: `${request.method} ${request.url} HTTP/${request.httpVersion}`,
      headers: request.rawHeaders,
    });
    const { accept = "", "accept-encoding": encoding } = request.headers;
    const version = (["v5", "v4", "v3"] as const).find((one) => accept.includes(one)) ?? "v5";
    const packages = this.packages(structuredClone(this.#standard(version)) as Loose[], version);
    const plain = Buffer.from(this.text(JSON.stringify({ packages })));
    const body = encoding === "gzip" ? gzipSync(plain) : plain;
    const headers = {
      "Content-Type": `application/vnd.dcos.universe.repo+json;charset=utf-8;version=${version}`,
      "Content-Length": body.length,
      ...(encoding === "gzip" && { "Content-Encoding": "gzip" }),
    };
    return { status: 200, headers, body };
  }

  #standard(version: RepoVersion): object[] {
    const hello = this.#hello(version === "v3" ? "3.0" : "4.0");
    const newer = { ...hello, version: "2.0", releaseVersion: 8 };
    const five = { ...hello, packagingVersion: "5.0", name: "five", manager: { packageName: "m" } };
    return version === "v5" ? [hello, newer, five] : [hello, newer];
  }

  #hello(packagingVersion: string): object {
    const zip = makeZip([{ path: "bin/dcos-hello", content: "#!/bin/sh\n", mode: 0o755 }]);
    return {
      packagingVersion,
      name: "hello",
      version: "1.0",
      releaseVersion: 7,
      maintainer: "ops@example.test",
      description: "Says hello",
      tags: ["greeting"],
      framework: false,
      licenses: [{ name: "Apache", url: "https://licence.test/apache" }],
      minDcosReleaseVersion: "1.9",
      lastUpdated: 1_570_000_000,
      ...(packagingVersion === "4.0" && { upgradesFrom: ["*"], downgradesTo: [] }),
      marathon: { v2AppMustacheTemplate: Buffer.from('{"id":"{{name}}"}').toString("base64") },
      config: { type: "object", properties: { name: { type: "string", default: "hello" } } },
      resource: {
        assets: {
          uris: { app: this.#add("app%2B1.tgz", Buffer.from("app")) },
          container: {
            docker: {
              db: `${host}/hello/acme/db:1-0123456789ab`,
              web: `${host}/hello/acme/web:2-0123456789ab`,
            },
          },
        },
        images: {
          "icon-small": this.#add("small.png", Buffer.from("small")),
          screenshots: [this.#add("screen.png", Buffer.from("screen"))],
        },
        cli: {
          binaries: {
            linux: this.#binary("dcos-hello", Buffer.from("\x7fELF"), "executable"),
            darwin: this.#binary("hello.zip", zip, "zip"),
          },
        },
      },
    };
  }

  #binary(name: string, bytes: Buffer, kind: string): object {
    const contentHash = [{ algo: "sha256", value: sha256(bytes) }];
    return { "x86-64": { kind, url: this.#add(name, bytes), contentHash } };
  }

  #add(name: string, bytes: Buffer): string {
    const path = `${sha256(bytes)}/${name}`;
    if (!this.files.has(`/resources/${path}`)) this.files.set(`/resources/${path}`, bytes);
    return `${base}/${path}`;
  }
}
