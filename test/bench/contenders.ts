/** The two servers that are compared: this one and Debian's docker-registry, with one certificate. */
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { output, Program } from "../fixtures/program.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

export interface Contender {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<unknown>;
}

export interface Contenders {
  readonly ours: Contender;
  readonly theirs: Contender;
  /** PEM file of the CA that both have their certificate from. */
  readonly ca: string;
  stop(): Promise<void>;
}

export async function startContenders(scratch: string): Promise<Contenders> {
  const ours = await startOurs(scratch);
  const theirs = await startTheirs(scratch);
  const stop = async (): Promise<void> => {
    await Promise.all([ours.stop(), theirs.stop()]);
  };
  return { ours, theirs, ca: path.join(scratch, "ours/data/tls/ca.crt"), stop };
}

async function startOurs(scratch: string): Promise<Contender> {
  const directory = path.join(scratch, "ours");
  await mkdir(directory);
  const server = await ServerProcess.start({ directory });
  return { name: "this", url: server.url, pid: server.pid, stop: () => server.stop() };
}

async function startTheirs(scratch: string): Promise<Contender> {
  const tls = path.join(scratch, "ours/data/tls");
  const port = await freePort();
  const configuration = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: path.join(scratch, "theirs") } },
    http: {
      addr: `127.0.0.1:${port}`,
      tls: { certificate: path.join(tls, "server.crt"), key: path.join(tls, "server.key") },
    },
  };
  const file = path.join(scratch, "docker-registry.json");
  await writeFile(file, JSON.stringify(configuration)); // YAML is a superset of JSON
  const program = new Program("docker-registry", ["serve", file], { cwd: scratch });
  const url = `https://127.0.0.1:${port}`;
  await output("curl", ["-ks", "--retry", "50", "--retry-connrefused", "--retry-delay", "1", url]);
  return { name: "docker-registry", url, pid: program.pid, stop: () => program.stop() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}
