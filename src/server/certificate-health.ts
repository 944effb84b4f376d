/** What is told about the certificate in use: when it ends, and that it was not renewed in time. */
import type { HealthCheck, HealthStatus } from "../http/health-routes.ts";
import { isDevelopmentIssuer } from "../tls/development-certificate.ts";
import type { ServerCredentials } from "../tls/server-credentials.ts";
import { defineGauge } from "./metrics.ts";

/** The one that new connections are given at the moment of the call. */
export type CertificateInUse = () => Pick<ServerCredentials, "beginsMs" | "expiresMs" | "issuer">;

/** Renewals are due when a third of the life is left: then something has been wrong for a while. */
const worrying = 1 / 6;

/** Each worker tells of its own; the one that ends first counts. */
export function exposeCertificate(certificate: CertificateInUse): void {
  defineGauge(
    "dcos_registry_certificate_expires_timestamp_seconds",
    "End of the certificate in use, since 1970",
    "min",
    () => certificate().expiresMs / 1000,
  );
}

/** @param fromCluster whether the cluster's CA is to sign it */
export function certificateCheck(
  certificate: CertificateInUse,
  fromCluster: boolean,
  now: () => number = Date.now,
): HealthCheck {
  return {
    name: "tls/certificate",
    run: async (): Promise<HealthStatus> => {
      const { beginsMs, expiresMs, issuer } = certificate();
      if (fromCluster && isDevelopmentIssuer(issuer)) {
        const message = "The cluster's CA has not signed a certificate yet: a stand-in is served.";
        return { healthy: false, message };
      }
      const left = expiresMs - now();
      const ends = `${new Date(expiresMs).toISOString().slice(0, 10)}.`;
      if (left <= 0) return { healthy: false, message: `The certificate ended on ${ends}` };
      const healthy = left > (expiresMs - beginsMs) * worrying;
      return { healthy, message: `${healthy ? "Good until" : "Not renewed; it ends on"} ${ends}` };
    },
  };
}
