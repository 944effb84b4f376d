/** The cluster of the configuration: whom to trust, where it answers, and our account there. */
import { ClusterAuthority } from "../cluster/certificate-authority.ts";
import { ClusterHttp } from "../cluster/cluster-http.ts";
import { readServiceAccount, type ServiceAccountSource } from "../cluster/service-account.ts";
import { ServiceAccountLogin } from "../cluster/service-account-login.ts";
import { servicePermission } from "../cluster/service-permission.ts";
import { TokenKeys } from "../cluster/token-keys.ts";
import { UserTokens } from "../cluster/user-tokens.ts";
import type { ClusterConfig, Config } from "../config.ts";
import { openAgent } from "../network/proxied-agent.ts";
import { loadTrust } from "../network/trust.ts";

const connectMs = 5000;

export interface ClusterConnection {
  readonly http: ClusterHttp;
  /** Where Admin Router answers. @throws {ServiceAccountInvalid} when only the account knows it */
  readonly base: () => Promise<URL>;
}

/**
 * Masters are reached directly: a proxy of the machine leads out of the cluster.
 *
 * @throws {CaFileUnreadable}
 */
export async function openCluster(
  { url, serviceAccount, caFiles }: ClusterConfig,
  { outgoing }: Pick<Config, "outgoing">,
): Promise<ClusterConnection> {
  const trust = await loadTrust({
    caFile: outgoing.ca,
    optionalFiles: caFiles,
    environment: outgoing.environment,
    workingDirectory: "/",
  });
  const tls = { timeout: connectMs, secureContext: trust };
  const http = new ClusterHttp(openAgent({ scheme: "https", environment: {}, tls }));
  return { http, base: () => baseOf(url, serviceAccount) };
}

/** The account is read each time, as its file may change. */
async function baseOf(
  url: string | undefined,
  account: ServiceAccountSource | undefined,
): Promise<URL> {
  if (url !== undefined) return new URL(url);
  if (account) return (await readServiceAccount(account)).loginEndpoint;
  throw new TypeError("a cluster is configured by its URL or by a service account");
}

export function openAuthority(
  { http, base }: ClusterConnection,
  account: ServiceAccountSource,
): ClusterAuthority {
  const login = new ServiceAccountLogin(() => readServiceAccount(account), http);
  return new ClusterAuthority(base, http, login);
}

export function openUserTokens(
  { http, base }: ClusterConnection,
  { allow, permission }: ClusterConfig["users"],
  service: string,
  onError: (error: unknown) => void,
): UserTokens {
  const mayUse = servicePermission(base, http, service);
  const keys = new TokenKeys(base, http, onError);
  return new UserTokens({ keys, allow, ...(permission && { mayUse }) });
}
