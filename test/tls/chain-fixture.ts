/** A chain as a cluster's CA issues it: root, two intermediates, leaf; and leaves that are no good. */
import forge from "node-forge";
import { createKey } from "../../src/tls/certificate.ts";

export interface Chain {
  /** PEM, from the root (first) down to the leaf (last). */
  readonly certificates: readonly string[];
  readonly leafKey: string;
}

const day = 86_400_000;

/** Every certificate signs the next; the last is for `localhost`. */
export async function makeChain(names = ["Root", "First", "Second", "Leaf"]): Promise<Chain> {
  const certificates: string[] = [];
  let issuer: { certificate: forge.pki.Certificate; key: string } | undefined;
  for (const [index, name] of names.entries()) {
    const key = await createKey();
    const certificate = draft(key, name, index + 1, index === names.length - 1);
    certificate.setIssuer((issuer?.certificate ?? certificate).subject.attributes);
    const signing = forge.pki.privateKeyFromPem(issuer?.key ?? key);
    certificate.sign(signing, forge.md.sha256.create());
    certificates.push(forge.pki.certificateToPem(certificate));
    issuer = { certificate, key };
  }
  return { certificates, leafKey: issuer?.key ?? "" };
}

function draft(key: string, name: string, serial: number, leaf: boolean): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  const { n, e } = forge.pki.privateKeyFromPem(key);
  certificate.publicKey = forge.pki.setRsaPublicKey(n, e);
  certificate.serialNumber = `0${serial}`;
  certificate.validity.notBefore = new Date(Date.now() - day);
  certificate.validity.notAfter = new Date(Date.now() + day);
  certificate.setSubject([{ name: "commonName", value: name }]);
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: !leaf },
    ...(leaf ? [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }] : []),
  ]);
  return certificate;
}
