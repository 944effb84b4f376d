/**
 * The cluster's certificate authority: cfssl behind Admin Router, below `/ca/api/v2/`.
 *
 * Only `sign` is used to get a certificate: the private key never travels, and `newcert` would drop the
 * addresses that are entered as DNS names, which Admin Router compares with.
 */
import { X509Certificate } from "node:crypto";
import { ClusterRefusal } from "./cluster-error.ts";
import {
  type ClusterAnswer,
  type ClusterHttp,
  type Fields,
  parseFields,
  printable,
  textOf,
} from "./cluster-http.ts";
import type { ServiceAccountLogin } from "./service-account-login.ts";

export class ClusterAuthority {
  readonly #base: () => Promise<URL>;
  readonly #http: ClusterHttp;
  readonly #login: ServiceAccountLogin;

  /** @param base where Admin Router answers */
  constructor(base: () => Promise<URL>, http: ClusterHttp, login: ServiceAccountLogin) {
    this.#base = base;
    this.#http = http;
    this.#login = login;
  }

  /**
   * @param request PKCS#10 in PEM; its alternative names are taken as they are
   * @returns the certificate, and in any order what is known of the chain above it; PEM
   * @throws {ClusterError}
   */
  async sign(request: string, signal?: AbortSignal): Promise<string> {
    const document = { certificate_request: request, profile: "" };
    const { certificate } = await this.#ask("sign", document, signal);
    const leaf = textOf(certificate);
    if (leaf === undefined) throw new ClusterRefusal("sign", 200, "no certificate");
    return [leaf, ...(await this.#above(leaf, signal))].join("\n");
  }

  /** `info` is for everybody; who may sign may perhaps not ask for `bundle`. */
  async #above(leaf: string, signal?: AbortSignal): Promise<string[]> {
    const info = await this.#ask("info", { label: "primary" }, signal);
    const issuer = textOf(info["certificate"]);
    if (issuer === undefined) return [];
    if (isSelfSigned(issuer)) return [issuer];
    const bundled = await this.#ask("bundle", { certificate: leaf }, signal).catch((error) => {
      if (error instanceof ClusterRefusal) return {} as Fields;
      throw error;
    });
    return [issuer, textOf(bundled["bundle"]) ?? ""];
  }

  async #ask(call: string, document: object, signal?: AbortSignal): Promise<Fields> {
    const url = new URL(`/ca/api/v2/${call}`, await this.#base()).href;
    const answer = await this.#login.authorized((token) =>
      this.#http.exchange({ method: "POST", url, document, token }, signal),
    );
    return resultOf(url, answer);
  }
}

/** cfssl's envelope: both a status other than 200 and `success: false` are refusals. */
function resultOf(url: string, { status, body }: ClusterAnswer): Fields {
  const fields = parseFields(body);
  const result = fields?.["result"];
  const good = status === 200 && fields?.["success"] === true;
  if (good && typeof result === "object" && result !== null) return result as Fields;
  throw new ClusterRefusal(url, status, reasonOf(status, fields));
}

function reasonOf(status: number, fields: Fields | undefined): string {
  const [first] = Array.isArray(fields?.["errors"]) ? (fields["errors"] as unknown[]) : [];
  const { code, message } = (first ?? {}) as Fields;
  if (typeof message === "string") return printable(`[${String(code)}] ${message}`);
  if (status === 401) return "the token of the service account is not accepted";
  if (status === 403) return "the service account needs dcos:adminrouter:ops:ca:rw full";
  if (status === 404) return "this cluster has no certificate authority there";
  return "that is no answer of a certificate authority";
}

function isSelfSigned(pem: string): boolean {
  try {
    const certificate = new X509Certificate(pem);
    return certificate.checkIssued(certificate);
  } catch {
    return false;
  }
}
