/**
 * The `WWW-Authenticate` values of Docker's token protocol.
 *
 * The realm names the host that the client already talks to when our certificate is good for it,
 * because that name resolves and is trusted where the client is; any other host that a request
 * claims is not repeated, and the configured public URL stands in.
 */
import type { IncomingMessage } from "node:http";
import { isRepositoryName } from "../oci/reference.ts";
import { coversName } from "../tls/certificate-names.ts";
import { parseHost } from "./host-header.ts";

export interface ChallengeOptions {
  /** `https://…` without a trailing slash. */
  readonly publicUrl: string;
  /** The audience of tokens. */
  readonly service: string;
  /** Names of the certificate in use at this moment. */
  readonly certificateNames: () => ReadonlySet<string>;
}

export interface ChallengeDetails {
  /** Asks for a token that can pull from and push to this repository. */
  readonly repository?: string | undefined;
  /** What is wrong with the token that was sent. */
  readonly error?: "invalid_token" | "insufficient_scope";
}

export class Challenges {
  readonly #options: ChallengeOptions;

  constructor(options: ChallengeOptions) {
    this.#options = options;
  }

  bearer(request: IncomingMessage, { repository, error }: ChallengeDetails = {}): string {
    const scope =
      repository !== undefined && isRepositoryName(repository)
        ? [`scope="repository:${repository}:pull,push"`]
        : [];
    return `Bearer ${[
      `realm="${this.#realm(request)}"`,
      `service="${this.#options.service}"`,
      ...scope,
      ...(error ? [`error="${error}"`] : []),
    ].join(",")}`;
  }

  /** What the token endpoint itself asks for. */
  basic(): string {
    return `Basic realm="${this.#options.service}",charset="UTF-8"`;
  }

  #realm({ headers }: IncomingMessage): string {
    const host = parseHost(headers.host);
    const { publicUrl, certificateNames } = this.#options;
    const own = host !== undefined && coversName(certificateNames(), host.hostname);
    return `${own ? `https://${headers.host}` : publicUrl}/v2/token`;
  }
}
