/** Why an image cannot be bundled (E148), from what went wrong between us and its registry. */
import { ManifestInvalid } from "../../oci/registry-error.ts";
import { quote } from "../../packages/quote.ts";
import { CliError, type ErrorContext } from "../cli-error.ts";
import { FetchFailed } from "../fetch/fetch-failed.ts";

export class ImageUnavailable extends CliError {
  readonly code = "IMAGE_UNAVAILABLE";
  /** The reference as the package has it. */
  readonly image: string;

  constructor(image: string, reason: string, context: ErrorContext = {}) {
    super(`image ${quote(image)}: ${reason}`, context);
    this.image = image;
  }
}

/** @returns what is no failure of this kind, such as an abort, as it is */
export function unavailable(error: unknown, image: string, host: string): unknown {
  if (error instanceof FetchFailed) {
    const [reason, hint] = explain(error, host);
    return new ImageUnavailable(image, reason, { hint, cause: error });
  }
  if (error instanceof ManifestInvalid) {
    const reason = `${host}: ${error.message}`;
    return new ImageUnavailable(image, reason, { hint: schema1Hint(error), cause: error });
  }
  return error;
}

function explain(error: FetchFailed, host: string): readonly [string, string?] {
  const { status, message } = error;
  if (status === 404 || status === 401 || status === 403) {
    return [`not found in ${host} (or it needs a login)`, `to log in: ${loginTo(host)}`];
  }
  if (status === 429) {
    return [`${host}: ${message}`, `the registry limits pulls; log in or wait: ${loginTo(host)}`];
  }
  return [message.startsWith(host) ? message : `${host}: ${message}`];
}

function loginTo(host: string): string {
  return host === "registry-1.docker.io" ? "docker login" : `docker login ${host}`;
}

function schema1Hint({ message }: ManifestInvalid): string | undefined {
  if (!message.includes("schema 1")) return undefined;
  return "pull the image and push it again with docker 1.10 or later, then name that one";
}
