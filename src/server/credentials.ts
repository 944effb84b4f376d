/**
 * Where the server's certificate comes from: the configured files; the cluster's CA, with a service account;
 * or the development CA in the data directory.
 */
import path from "node:path";
import type { Logger } from "pino";
import { type ClusterConfig, type Config, certificateNamesFor } from "../config.ts";
import {
  ensureDevelopmentCertificate,
  renewDevelopmentCertificate,
} from "../tls/development-certificate.ts";
import { keepRenewed } from "../tls/keep-renewed.ts";
import type { CredentialFiles } from "../tls/server-credentials.ts";
import { type CertificateState, SignedCertificate } from "../tls/signed-certificate.ts";

export interface CertificateSource {
  readonly files: CredentialFiles;
  /** File of the development CA; undefined with other sources. */
  readonly developmentCa?: string;
}

/** With an account that the CA takes requests from. */
type ClusterInUse = ClusterConfig & Required<Pick<ClusterConfig, "serviceAccount">>;

/** One process of a server renews; the others of it serve what they find. */
export type CertificateRole = "renew" | "serve";

/** Makes or obtains the certificate when there is none; who renews does so until the signal aborts. */
export async function provideCertificate(
  config: Config,
  role: CertificateRole,
  signal: AbortSignal,
  log: Logger,
): Promise<CertificateSource> {
  const { tls, cluster } = config;
  if (tls) return { files: tls };
  const account = cluster?.serviceAccount;
  if (account) {
    return provideSigned(config, { ...cluster, serviceAccount: account }, role, signal, log);
  }
  const directory = path.join(config.storage, "tls");
  const names = certificateNamesFor(config);
  const { ca, cert, key } = await ensureDevelopmentCertificate(directory, names);
  const onError = (error: unknown): void => log.error({ err: error }, "certificate not renewed");
  if (role === "renew") renewDevelopmentCertificate(directory, names, { signal, onError });
  return { files: { cert, key }, developmentCa: ca };
}

async function provideSigned(
  config: Config,
  cluster: ClusterInUse,
  role: CertificateRole,
  signal: AbortSignal,
  log: Logger,
): Promise<CertificateSource> {
  const { openAuthority, openCluster } = await import("./cluster.ts");
  const authority = openAuthority(await openCluster(cluster, config), cluster.serviceAccount);
  const certificate = new SignedCertificate({
    directory: path.join(config.storage, "tls"),
    names: [...certificateNamesFor(config), ...cluster.names],
    sign: (request, aborted) => authority.sign(request, aborted),
  });
  if (role === "renew") await startRenewal(certificate, signal, log);
  return { files: { cert: certificate.file, key: certificate.file } };
}

/** With nothing to serve the CA is asked first; if it does not answer, a stand-in bridges the time. */
async function startRenewal(
  certificate: SignedCertificate,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  const onRenewed = ({ endsMs }: CertificateState): void =>
    log.info({ expires: new Date(endsMs) }, "certificate signed by the cluster's CA");
  const onError = (error: unknown, retryMs: number): void =>
    log.error({ err: error, retryMs }, "no certificate from the cluster's CA");
  let state = await certificate.state();
  let failed = false;
  if (state.endsMs === 0) {
    try {
      state = await certificate.renew(signal);
      onRenewed(state);
    } catch (error) {
      log.error({ err: error }, "no certificate from the cluster's CA; a stand-in is served");
      state = await certificate.standIn();
      failed = true;
    }
  }
  void keepRenewed(certificate, { signal, state, failed, onRenewed, onError });
}
