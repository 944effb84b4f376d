/** A real listener with the identity routes, one guarded route and open reads; nothing is faked. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import bcrypt from "bcryptjs";
import { pino } from "pino";
import { Challenges } from "../../src/http/challenge.ts";
import { createTokenRoute } from "../../src/http/token-routes.ts";
import { sendOciError } from "../../src/http/v2/oci-envelope.ts";
import { createVersionCheck, type Handler } from "../../src/http/version-check.ts";
import { createWriteGuard } from "../../src/http/write-guard.ts";
import { Htpasswd } from "../../src/identity/htpasswd.ts";
import { createIdentity } from "../../src/identity/identity.ts";
import { LoginThrottle } from "../../src/identity/login-throttle.ts";
import { RegistryTokens } from "../../src/identity/registry-token.ts";
import { MemorySigningKeys } from "../../src/identity/signing-keys.ts";
import { StaticTokens } from "../../src/identity/static-tokens.ts";

const log = pino({ level: "silent" });
export const staticToken = "0123456789abcdef-static";
export const password = "right horse";
/** Cost 4 keeps tests quick. */
export const htpasswdLine = `alice:${bcrypt.hashSync(password, 4)}\n`;

export interface IdentityServer {
  readonly port: number;
  readonly keys: MemorySigningKeys;
  readonly directory: string;
  fetch(path: string, options?: FetchOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface FetchOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

export interface IdentityServerOptions {
  /** False: nobody can log in. */
  readonly configured?: boolean;
  readonly readOnly?: boolean;
  readonly certificateNames?: readonly string[];
  readonly attempts?: number;
}

export async function startIdentityServer({
  configured = true,
  readOnly = false,
  certificateNames = ["localhost", "registry.example"],
  attempts = 10,
}: IdentityServerOptions = {}): Promise<IdentityServer> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "identity-"));
  await writeFile(path.join(directory, "htpasswd"), htpasswdLine);
  await writeFile(path.join(directory, "tokens"), `# comment\n${staticToken}\n`);
  const onError = (error: unknown) => {
    throw error;
  };
  const keys = new MemorySigningKeys();
  const tokens = new RegistryTokens(keys, "dcos-registry");
  const identity = createIdentity({
    ...(configured && {
      htpasswd: await Htpasswd.open(path.join(directory, "htpasswd"), { onError }),
      staticTokens: await StaticTokens.open(path.join(directory, "tokens"), { onError }),
    }),
    registryTokens: tokens,
    throttle: new LoginThrottle({ attempts }),
  });
  const challenges = new Challenges({
    publicUrl: "https://public.example",
    service: "dcos-registry",
    certificateNames: () => new Set(certificateNames),
  });
  const version = createVersionCheck(identity, challenges);
  const token = createTokenRoute({ identity, tokens, challenges });
  const guard = createWriteGuard(identity, { readOnly, challenges });

  const write: Handler = async (request, response) => {
    const repository = new URL(request.url ?? "", "http://x").searchParams.get("repository");
    const principal = await guard(request, repository === null ? {} : { repository });
    response.end(principal.subject);
  };
  const routes = new Map([
    ["/v2/", version],
    ["/v2/token", token],
    ["/write", write],
  ]);
  const server = createServer(async (request, response) => {
    const handler = routes.get(request.url?.split("?")[0] ?? "") ?? write;
    await handler(request, response).catch((error: unknown) =>
      sendOciError(request, response, error, log),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    keys,
    directory,
    fetch: (target, options) => send(port, target, options),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** `fetch` of Node sets `Host` itself; these tests need to choose it. */
function send(port: number, target: string, options: FetchOptions = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port, host: "127.0.0.1", path: target, method, headers });
    sent.on("error", reject);
    sent.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    sent.end(body);
  });
}

export function basic(user: string, secret: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}` };
}

export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}
