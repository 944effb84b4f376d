/** Reads PEM files, with errors that say what is in them instead. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { CertificateInvalid } from "./certificate-error.ts";

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

interface Block {
  readonly label: string;
  readonly text: string;
}

function blocks(bytes: Buffer | string): Block[] {
  return [...bytes.toString().matchAll(block)].map(([text, label = ""]) => ({ label, text }));
}

/**
 * All certificates of a file, in its order; other blocks are passed over.
 *
 * @throws {CertificateInvalid} when there is none, or one is damaged
 */
export function parseCertificates(file: string, bytes: Buffer | string): X509Certificate[] {
  const found = blocks(bytes);
  const certificates = found.filter(({ label }) => /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label));
  if (certificates.length === 0) {
    throw new CertificateInvalid(file, `holds no PEM certificate, ${contents(found, bytes)}`);
  }
  return certificates.map(({ text }, index) => {
    try {
      return new X509Certificate(text);
    } catch (cause) {
      throw new CertificateInvalid(file, `certificate ${index + 1} is damaged`, { cause });
    }
  });
}

/** @throws {CertificateInvalid} when there is none, or it is damaged or encrypted */
export function parsePrivateKey(file: string, bytes: Buffer | string): KeyObject {
  const found = blocks(bytes);
  const key = found.find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (!key) {
    throw new CertificateInvalid(file, `holds no PEM private key, ${contents(found, bytes)}`);
  }
  if (key.label.startsWith("ENCRYPTED") || key.text.includes("Proc-Type: 4,ENCRYPTED")) {
    throw new CertificateInvalid(file, "the private key is encrypted; store it without passphrase");
  }
  try {
    return createPrivateKey(key.text);
  } catch {
    // The cause is left out: it could repeat parts of the key.
    throw new CertificateInvalid(file, "the private key is damaged");
  }
}

function contents(found: readonly Block[], bytes: Buffer | string): string {
  if (bytes.length === 0) return "it is empty";
  const labels = new Set(found.map(({ label }) => label.toLowerCase()));
  if (labels.size > 0) return `only: ${[...labels].join(", ")}`;
  return bytes.toString("latin1").startsWith("0\x82")
    ? "it is DER; convert it with openssl -inform DER -outform PEM"
    : "it is no PEM file";
}
