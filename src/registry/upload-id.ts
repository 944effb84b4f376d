/**
 * Names of upload sessions: self-contained and signed.
 *
 * Starting an upload writes nothing: the id proves that this registry issued it, for which
 * repository, and when. Any instance can check it with the shared signing keys.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { DigestAlgorithm } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import type { SigningKeyDocument } from "../storage/signing-keys.ts";
import { UploadUnknown } from "./registry-errors.ts";

export interface UploadTicket {
  /** What clients see: `<key id>-<random>-<algorithm>-<issued, base 36>-<signature>`. */
  readonly id: string;
  /** The random part: names the session document. */
  readonly session: string;
  readonly algorithm: DigestAlgorithm;
  readonly issuedMs: number;
}

const grammar = /^([0-9a-f]{8})-([0-9a-f]{32})-(sha256|sha512)-([0-9a-z]{1,11})-([0-9a-f]{32})$/;

export class UploadTickets {
  readonly #keys: SigningKeyDocument;
  readonly #lifeMs: number;
  readonly #now: () => number;

  constructor(keys: SigningKeyDocument, lifeMs: number, now: () => number = Date.now) {
    this.#keys = keys;
    this.#lifeMs = lifeMs;
    this.#now = now;
  }

  async issue(repository: RepositoryName, algorithm: DigestAlgorithm): Promise<UploadTicket> {
    const key = await this.#keys.current();
    const session = randomBytes(16).toString("hex");
    const issuedMs = this.#now();
    const body = `${key.id}-${session}-${algorithm}-${issuedMs.toString(36)}`;
    return { id: `${body}-${sign(key.secret, repository, body)}`, session, algorithm, issuedMs };
  }

  /** @throws {UploadUnknown} for anything this registry did not issue for this repository */
  async check(repository: RepositoryName, id: string): Promise<UploadTicket> {
    const match = grammar.exec(id);
    const [, keyId = "", session = "", algorithm, issued = "", signature = ""] = match ?? [];
    const key = match ? await this.#keys.find(keyId) : undefined;
    if (!key) throw new UploadUnknown();
    const expected = sign(key.secret, repository, id.slice(0, id.lastIndexOf("-")));
    const issuedMs = Number.parseInt(issued, 36);
    const genuine = timingSafeEqual(Buffer.from(expected), Buffer.from(signature));
    if (!genuine || this.#now() - issuedMs > this.#lifeMs) throw new UploadUnknown();
    return { id, session, algorithm: algorithm as DigestAlgorithm, issuedMs };
  }
}

function sign(secret: Uint8Array, repository: RepositoryName, body: string): string {
  const mac = createHmac("sha256", secret).update(`upload\n${repository}\n${body}`);
  return mac.digest("hex").slice(0, 32);
}
