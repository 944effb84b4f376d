/** The server's certificate: from the configured files, or of the development CA in the data directory. */
import path from "node:path";
import type { Logger } from "pino";
import { type Config, certificateNamesFor } from "../config.ts";
import {
  ensureDevelopmentCertificate,
  renewDevelopmentCertificate,
} from "../tls/development-certificate.ts";
import type { CredentialFiles } from "../tls/server-credentials.ts";

export interface CertificateSource {
  readonly files: CredentialFiles;
  /** File of the development CA; undefined with configured files. */
  readonly developmentCa?: string;
}

/** Makes the development certificate when no files are configured, and keeps renewing it. */
export async function provideCertificate(
  config: Config,
  signal: AbortSignal,
  log: Logger,
): Promise<CertificateSource> {
  if (config.tls) return { files: config.tls };
  const directory = path.join(config.storage, "tls");
  const names = certificateNamesFor(config);
  const { ca, cert, key } = await ensureDevelopmentCertificate(directory, names);
  const onError = (error: unknown): void => log.error({ err: error }, "certificate not renewed");
  renewDevelopmentCertificate(directory, names, { signal, onError });
  return { files: { cert, key }, developmentCa: ca };
}
