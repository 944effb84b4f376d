/** What can go wrong at rest. The platform's own error is always the `cause`. */
import { RegistryError } from "../oci/registry-error.ts";

/** The key does not exist (any more). */
export class ObjectNotFound extends RegistryError {
  readonly code = "UNKNOWN";
  constructor(key: string, options?: ErrorOptions) {
    super(`no object at ${key}`, { key }, options);
  }
}

/** Somebody else created, replaced or removed the object first. */
export class PreconditionFailed extends RegistryError {
  readonly code = "CONFLICT";
  constructor(key: string, options?: ErrorOptions) {
    super(`${key} changed in the meantime`, { key }, options);
  }
}

/** No space, no inodes or over quota: nothing was written. */
export class StoreFull extends RegistryError {
  readonly code = "INSUFFICIENT_STORAGE";
  constructor(
    options?: ErrorOptions,
    why = "the registry's storage is full",
    detail: Record<string, unknown> = {},
  ) {
    super(`${why}; remove packages or add space, then repeat`, detail, options);
  }
}

/** The store did not answer, or answered "maybe"; the same request may succeed later. */
export class StoreUnavailable extends RegistryError {
  readonly code = "UNAVAILABLE";
  constructor(what: string, options?: ErrorOptions) {
    super(`storage: ${what}; repeat the request`, {}, options);
  }
}

/** What is stored cannot be read as what it should be. */
export class ObjectDamaged extends RegistryError {
  readonly code = "UNKNOWN";
  constructor(key: string, why: string, options?: ErrorOptions) {
    super(`${key} is damaged: ${why}`, { key }, options);
  }
}
