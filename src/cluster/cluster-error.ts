/**
 * What can go wrong between this registry and the cluster's own services.
 *
 * Messages are for the operator's log: they name the URL and what was answered, never a token or a key.
 */
import { RegistryError } from "../oci/registry-error.ts";

export type ClusterErrorCode =
  | "SERVICE_ACCOUNT_INVALID"
  | "LOGIN_REFUSED"
  | "CLUSTER_UNREACHABLE"
  | "CLUSTER_REFUSED";

export abstract class ClusterError extends Error {
  abstract readonly code: ClusterErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The secret with the service account is not one; nothing of its content is repeated. */
export class ServiceAccountInvalid extends ClusterError {
  readonly code = "SERVICE_ACCOUNT_INVALID";
  /** @param source where it comes from: a file or a variable */
  constructor(source: string, why: string, options?: ErrorOptions) {
    super(`service account in ${source}: ${why}`, options);
  }
}

/** IAM does not take the service account, or gave an answer that is no login. */
export class LoginRefused extends ClusterError {
  readonly code = "LOGIN_REFUSED";
}

/** No whole answer in time. */
export class ClusterUnreachable extends ClusterError {
  readonly code = "CLUSTER_UNREACHABLE";
  constructor(url: string, cause: unknown) {
    const { code, message } = cause as { code?: unknown; message?: string };
    super(`no answer from ${url} (${String(code ?? message)})`, { cause });
  }
}

/** An answer that is none of those that were hoped for. */
export class ClusterRefusal extends ClusterError {
  readonly code = "CLUSTER_REFUSED";
  readonly status: number;

  constructor(url: string, status: number, why: string) {
    super(`${url} answered ${status}: ${why}`);
    this.status = status;
  }
}

/** Whether a user may write cannot be found out now; for the client, who may try again. */
export class UsersUnavailable extends RegistryError {
  readonly code = "UNAVAILABLE";
  constructor(cause: unknown) {
    const reason = "the cluster cannot be asked about its users now; try again";
    super(reason, { reason }, { cause });
  }
}
