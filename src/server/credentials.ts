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
import { SignedCertificate } from "../tls/signed-certificate.ts";
import { openAuthority, openCluster } from "./cluster.ts";

export interface CertificateSource {
  readonly files: CredentialFiles;
  /** File of the development CA; undefined with other sources. */
  readonly developmentCa?: string;
}

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
  if (cluster?.serviceAccount) return provideSigned(config, cluster, role, signal, log);
  const directory = path.join(config.storage, "tls");
  const names = certificateNamesFor(config);
  const { ca, cert, key } = await ensureDevelopmentCertificate(directory, names);
  const onError = (error: unknown): void => log.error({ err: error }, "certificate not renewed");
  if (role === "renew") renewDevelopmentCertificate(directory, names, { signal, onError });
  return { files: { cert, key }, developmentCa: ca };
}

async function provideSigned(
  config: Config,
  cluster: ClusterConfig,
  role: CertificateRole,
  signal: AbortSignal,
  log: Logger,
): Promise<CertificateSource> {
  const authority =
    cluster.serviceAccount &&
    openAuthority(await openCluster(cluster, config), cluster.serviceAccount);
  const certificate = new SignedCertificate({
    directory: path.join(config.storage, "tls"),
    names: [...certificateNamesFor(config), ...cluster.names],
    sign: async (request, aborted) => (await authority?.sign(request, aborted)) ?? "",
  });
  const source = { files: { cert: certificate.file, key: certificate.file } };
  if (role === "serve") return source;
  await startRenewal(certificate, signal, log);
  return source;
}

/** With nothing to serve the CA is asked first; if it does not answer, a stand-in bridges the time. */
async function startRenewal(
  certificate: SignedCertificate,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  const onError = (error: unknown, retryMs: number): void =>
    log.error({ err: error, retryMs }, "no certificate from the cluster's CA");
  let state = await certificate.state();
  let failed = false;
  if (state.endsMs === 0) {
    state = await certificate.renew(signal).catch((error) => {
      failed = true;
      log.error({ err: error }, "no certificate from the cluster's CA; a stand-in is served");
      return certificate.standIn();
    });
  }
  const onRenewed = ({ endsMs }: { endsMs: number }): void =>
    log.info({ expires: new Date(endsMs) }, "certificate signed by the cluster's CA");
  void keepRenewed(certificate, { signal, state, failed, onRenewed, onError });
}
