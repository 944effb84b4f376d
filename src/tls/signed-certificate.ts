/**
 * A certificate that an authority elsewhere signs, kept in one file and renewed before it ends.
 *
 *     <directory>/cluster.pem    private key, certificate, and its chain; 0600
 *
 * One file, so that no reader ever meets a key and a certificate that do not belong together. Every renewal has
 * a new key. While the authority cannot be reached, the last certificate stays in use; when there has never been
 * one, a certificate of the development CA stands in, so that the server serves and can be looked at.
 */
import { mkdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { replace } from "./atomic-file.ts";
import { canonicalName } from "./certificate-names.ts";
import { ensureDevelopmentCertificate, isDevelopmentIssuer } from "./development-certificate.ts";
import { parseCertificates, parsePrivateKey } from "./pem.ts";
import {
  assembleCredentials,
  loadServerCredentials,
  type ServerCredentials,
} from "./server-credentials.ts";

/** @returns the certificate and, in any order, those above it; PEM */
export type Sign = (request: string, signal: AbortSignal) => Promise<string>;

export interface SignedCertificateOptions {
  /** Of the development CA, too. */
  readonly directory: string;
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  readonly sign: Sign;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** What is in use. */
export interface CertificateState {
  /** When a new one is to be asked for, in milliseconds since 1970; 0 for at once. */
  readonly dueMs: number;
  /** When it is of no use any more; 0 for a stand-in, and for none. */
  readonly endsMs: number;
}

const none: CertificateState = { dueMs: 0, endsMs: 0 };
/** Part of a certificate's life after which it is renewed. */
const renewAfter = 2 / 3;
const privateMode = 0o600;

export class SignedCertificate {
  /** Holds key and certificates. */
  readonly file: string;
  readonly #options: SignedCertificateOptions;
  readonly #now: () => number;

  constructor(options: SignedCertificateOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.file = path.join(options.directory, "cluster.pem");
  }

  /** What is there; one that lacks a name is due at once, one that cannot be served is none. */
  async state(): Promise<CertificateState> {
    const files = { cert: this.file, key: this.file };
    const found = await loadServerCredentials(files, this.#now()).catch(() => undefined);
    if (!found || isDevelopmentIssuer(found.issuer)) return none;
    const covered = this.#options.names.every((name) => found.names.has(canonicalName(name)));
    const { dueMs, endsMs } = lifeOf(found, (await stat(this.file)).mtimeMs);
    return { dueMs: covered ? dueMs : 0, endsMs };
  }

  /**
   * Asks for a new certificate and puts it in place.
   *
   * @throws {CertificateInvalid} when what came back cannot be served; @throws what `sign` throws
   */
  async renew(signal: AbortSignal): Promise<CertificateState> {
    const { directory, names, sign } = this.#options;
    // Loaded when it is time: they are large, and most starts find a certificate.
    const { createKey } = await import("./certificate.ts");
    const { createSigningRequest } = await import("./signing-request.ts");
    const key = await createKey();
    const answer = await sign(createSigningRequest(key, names), signal);
    const files = { cert: answerName, key: "the new key" };
    const own = parseCertificates(answerName, answer);
    const parts = { own, key: parsePrivateKey(files.key, key) };
    const found = assembleCredentials(files, parts, this.#now());
    await mkdir(directory, { recursive: true });
    await replace(this.file, found.key + found.chain, privateMode);
    return lifeOf(found, this.#now());
  }

  /** Puts a certificate of the development CA in place, for as long as there is no other. */
  async standIn(): Promise<CertificateState> {
    const { directory, names } = this.#options;
    const { cert, key } = await ensureDevelopmentCertificate(directory, names, this.#now());
    const both = [await readFile(key, "utf8"), await readFile(cert, "utf8")];
    await replace(this.file, both.join(""), privateMode);
    return none;
  }
}

const answerName = "the answer of the cluster's CA";

/** Authorities date certificates back, so a life begins when this server got it. */
function lifeOf({ beginsMs, expiresMs }: ServerCredentials, obtainedMs: number): CertificateState {
  const begunMs = Math.max(beginsMs, Math.min(obtainedMs, expiresMs));
  return { dueMs: begunMs + (expiresMs - begunMs) * renewAfter, endsMs: expiresMs };
}
