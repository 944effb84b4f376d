/**
 * What the DC/OS CLI tells its plugins about the cluster that it is attached to.
 *
 * `DCOS_URL`, `DCOS_ACS_TOKEN`, `DCOS_TLS_CA_PATH` and `DCOS_TLS_INSECURE`; `DCOS_SSL_VERIFY` is the
 * older form of the last two. They hold for the cluster's own address and for no other.
 */
import { UsageError } from "./cli-error.ts";
import type { CliContext } from "./context.ts";

export type Environment = CliContext["environment"];

export function acsToken(environment: Environment): string | undefined {
  const token = environment["DCOS_ACS_TOKEN"];
  return token && /^[\x21-\x7e]+$/.test(token) ? `token=${token}` : undefined;
}

/** `DCOS_SSL_VERIFY` is the older variable: `true`, `false` or the path of a CA file. */
export function clusterCa(environment: Environment): string | undefined {
  const older = environment["DCOS_SSL_VERIFY"];
  const fallback = older && !/^(?:true|false|0|1)$/i.test(older) ? older : undefined;
  return environment["DCOS_TLS_CA_PATH"] || fallback;
}

export function isInsecure(environment: Environment): boolean {
  const insecure = environment["DCOS_TLS_INSECURE"];
  if (insecure) return /^(?:1|true)$/i.test(insecure);
  return /^(?:0|false)$/i.test(environment["DCOS_SSL_VERIFY"] ?? "");
}

/** Nested names such as `group/dcos-registry` are legal in DC/OS; anything else would leave the path. */
export function parseServiceName(name: string): string {
  const bare = name.replace(/^\/|\/$/g, "");
  if (/^[a-z0-9-]+(?:[./][a-z0-9-]+)*$/.test(bare)) return bare;
  throw new UsageError("a service name is made of lower-case letters, digits, '-', '.' and '/'", {
    where: `--name ${name}`,
  });
}
