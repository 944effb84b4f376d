/** Which registry an agent is to trust, and by which CA, from the options that say so. */
import { access } from "node:fs/promises";
import path from "node:path";
import { l4lbName } from "../../cluster/l4lb-name.ts";
import { UsageError } from "../cli-error.ts";
import { parseServiceName } from "../cluster-environment.ts";
import type { Trusted } from "./trust-places.ts";

/** On every node of a cluster. */
export const clusterCa = "/run/dcos/pki/CA/ca-bundle.crt";
const developmentCa = "./data/tls/ca.crt";

/**
 * @param root what stands for `/`
 * @returns the CA's file, the cluster's first; undefined when there is none on this machine
 */
export async function findCa(root: string, workingDirectory: string): Promise<string | undefined> {
  const candidates = [path.join(root, clusterCa), path.resolve(workingDirectory, developmentCa)];
  for (const candidate of candidates) {
    const there = await access(candidate).then(
      () => true,
      () => false,
    );
    if (there) return candidate;
  }
  return undefined;
}

/**
 * @param host `HOST` or `HOST:PORT`; when it is undefined the service's own name is meant
 * @throws {UsageError}
 */
export function registryAddress(
  host: string | undefined,
  service: string,
): Pick<Trusted, "host" | "port"> {
  if (host === undefined) return { host: l4lbName(parseServiceName(service)), port: 443 };
  const [, bare, port = "443"] =
    /^([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?$/i.exec(host) ?? [];
  if (bare !== undefined && Number(port) <= 65535) return { host: bare, port: Number(port) };
  throw new UsageError("a host is written HOST or HOST:PORT", { where: `--host ${host}` });
}
