/** Certificates and keys that cannot be served. */

/** `file` is the one to look at; the message names it and says what is wrong with it. */
export class CertificateInvalid extends Error {
  readonly code = "CERTIFICATE_INVALID";
  readonly file: string;

  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${file}: ${why}`, options);
    this.name = "CertificateInvalid";
    this.file = file;
  }
}
