/**
 * Whether the registry's certificate is one that dockerd, Cosmos, Node and Admin Router take.
 *
 * Admin Router connects to a task by its agent's address and compares that with the DNS names of the
 * certificate; everybody else compares addresses with addresses. So an address has to stand there twice.
 */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { explainNetworkError } from "../network-error.ts";
import { type Check, type DoctorFinding, found, foundOr } from "./check.ts";
import { handshake, type Shown } from "./handshake.ts";
import { reach, unresolvedHere } from "./reach.ts";
import type { Subject } from "./subject.ts";

/** Certificates are renewed at two thirds of their life. */
const lateShare = 0.9;

export const certificateCheck: Check = {
  name: "certificate",
  async run(subject) {
    const { place, signal } = subject;
    const unresolved = await unresolvedHere(place);
    if (unresolved) return unresolved;
    try {
      const shown = await reach(place, (address) => handshake(place, address, signal));
      const { certificate } = shown;
      const findings = [
        ...chainFindings(shown),
        ...nameFindings(certificate, place.host),
        ...(await addressFindings(certificate, subject)),
        ...lifeFindings(certificate, Date.now()),
      ];
      return foundOr(findings, `good for ${place.host} until ${certificate.validTo}`);
    } catch (error) {
      signal.throwIfAborted();
      const target = { url: `https://${subject.authority}/`, caFile: undefined, proxy: undefined };
      const { message } = explainNetworkError(error, target) ?? (error as Error);
      return found(message, "the VIP has to lead to the registry's own port, which speaks TLS");
    }
  },
};

function chainFindings({ certificate, refusal }: Shown): DoctorFinding[] {
  if (refusal === undefined || lifeCodes.has(refusal)) return [];
  const issuer = nameIn(certificate.issuer);
  return [
    {
      problem: `its chain does not lead to a CA that is trusted here (${refusal}); it was issued by ${issuer}`,
      fix: `pass --ca FILE with that CA; if ${issuer} is an intermediate one, the registry has to send it: --tls-ca FILE`,
    },
  ];
}

/** `lifeFindings` has better words for them. */
const lifeCodes = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

function nameFindings(certificate: X509Certificate, host: string): DoctorFinding[] {
  const good =
    isIP(host) === 0
      ? certificate.checkHost(host, { subject: "never" })
      : certificate.checkIP(host);
  if (good !== undefined) return [];
  return [
    {
      problem: `it is not made for ${host}, but for ${certificate.subjectAltName ?? "no name at all"}`,
      fix: "start the registry with this name (--service-name, --public-url), or put it into the certificate given to it",
    },
  ];
}

/** Only of services in the attached cluster: the addresses of others are not known. */
async function addressFindings(
  certificate: X509Certificate,
  subject: Subject,
): Promise<DoctorFinding[]> {
  const { service } = subject.place;
  const apps = await subject.apps().catch(() => []);
  const hosts = apps.find(({ id }) => id === service)?.hosts ?? [];
  return hosts.filter((host) => isIP(host) !== 0).flatMap((host) => missing(certificate, host));
}

function missing(certificate: X509Certificate, address: string): DoctorFinding[] {
  const asName = certificate.checkHost(address, { subject: "never" }) !== undefined;
  const asAddress = certificate.checkIP(address) !== undefined;
  if (asName && asAddress) return [];
  const kind = asName ? "IP" : asAddress ? "DNS" : "IP and as DNS";
  return [
    {
      problem: `it lacks its agent's address ${address} as ${kind} name: Admin Router or the command line refuses it`,
      fix: `put both DNS:${address} and IP:${address} into the certificate`,
    },
  ];
}

function lifeFindings(certificate: X509Certificate, now: number): DoctorFinding[] {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const renew = "give the registry a new certificate; it takes changed files over while it serves";
  if (now < from) {
    const problem = `it is not valid before ${certificate.validFrom}`;
    return [{ problem, fix: "timedatectl: the clock of this machine or of the CA is wrong" }];
  }
  if (now > to) return [{ problem: `it has expired on ${certificate.validTo}`, fix: renew }];
  if (now < from + (to - from) * lateShare) return [];
  const problem = `it expires on ${certificate.validTo}, and nobody has renewed it`;
  return [{ problem, fix: renew, harmless: true }];
}

function nameIn(distinguishedName: string): string {
  const common = /^CN=(.*)$/m.exec(distinguishedName)?.[1];
  return common ?? distinguishedName.replaceAll("\n", ", ");
}
