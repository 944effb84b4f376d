/** Refusals of the registry that the distribution specification names. */
import { type ErrorCode, RegistryError } from "../oci/registry-error.ts";

/** The session does not exist, has expired, was cancelled, or was finished. */
export class UploadUnknown extends RegistryError {
  readonly code = "BLOB_UPLOAD_UNKNOWN";
  constructor() {
    super("this upload is not known here: it was finished, cancelled or has expired; start again");
  }
}

/** The upload cannot be finished as it is; the blob has to be pushed again. */
export class UploadInvalid extends RegistryError {
  readonly code = "BLOB_UPLOAD_INVALID";
}

/** A chunk that does not start where the stored bytes end. The session stays alive. */
export class RangeUnsatisfiable extends RegistryError {
  readonly code = "RANGE_INVALID";
  /** Bytes stored so far. */
  readonly offset: number;
  constructor(offset: number, start: number) {
    super(`the next chunk starts at byte ${offset}, not ${start}`, { offset, start });
    this.offset = offset;
  }
}

/** A manifest names content that was never pushed. */
export class ManifestBlobUnknown extends RegistryError {
  readonly code = "MANIFEST_BLOB_UNKNOWN";
  constructor(digests: readonly string[]) {
    super("the manifest references content that is not here; push it first", { digests });
  }
}

export class NameUnknown extends RegistryError {
  readonly code = "NAME_UNKNOWN";
  constructor(name: string) {
    super("this registry has no such repository", { name });
  }
}

/** Content that belongs to a package changes with the package only. */
export class PackageContentProtected extends RegistryError {
  readonly code: ErrorCode = "DENIED";
  constructor(what: string) {
    super(`${what} belongs to a package; it changes only by adding or removing packages`, { what });
  }
}

/** A package needs a tag that names something else. */
export class TagTaken extends RegistryError {
  readonly code = "CONFLICT";
  constructor(repository: string, tag: string) {
    super(`${repository}:${tag} is in use for other content; delete that tag first`, {
      repository,
      tag,
    });
  }
}

/** Blobs deleted through one repository stand in one document, which has a limit. */
export class TooManyHidden extends RegistryError {
  readonly code = "DENIED";
  constructor(repository: string) {
    super("too many blobs were deleted in this repository; wait until they have been collected", {
      repository,
    });
  }
}
