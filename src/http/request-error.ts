/** What can be wrong with a request before its meaning is looked at, in Cosmos' words where it has some. */
export abstract class RequestError extends Error {
  abstract readonly code:
    | "NotFound"
    | "MethodNotAllowed"
    | "RequestTooLarge"
    | "UrlTooLong"
    | "ConditionFailed"
    | "RangeNotSatisfiable"
    | "json_error"
    | "not_valid";
  readonly data: Readonly<Record<string, unknown>>;
  /** Headers that belong to the answer. */
  readonly headers: Readonly<Record<string, string>> = {};

  constructor(message: string, data: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.data = data;
  }
}

/** Nothing stands at this path. */
export class NotFound extends RequestError {
  readonly code = "NotFound";
  constructor() {
    super("There is nothing here");
  }
}

export class MethodNotAllowed extends RequestError {
  readonly code = "MethodNotAllowed";
  override readonly headers: Readonly<Record<string, string>>;

  /** @param allowed for the `Allow` header: `GET, HEAD` */
  constructor(allowed: string) {
    super(`Only ${allowed} can be used here`, { allowed });
    this.headers = { Allow: allowed };
  }
}

export class RequestTooLarge extends RequestError {
  readonly code = "RequestTooLarge";
  /** @param limit in bytes */
  constructor(limit: number) {
    super(`The request's body may have ${limit} bytes at most`, { limit });
  }
}

export class UrlTooLong extends RequestError {
  readonly code = "UrlTooLong";
  /** @param limit in bytes */
  constructor(limit: number) {
    super(`The request's path and query may have ${limit} bytes at most`, { limit });
  }
}

/** `If-Match` or `If-None-Match` do not hold. */
export class ConditionFailed extends RequestError {
  readonly code = "ConditionFailed";

  /** @param etag what is there, with its quotes; undefined when there is nothing */
  constructor(header: "If-Match" | "If-None-Match", etag?: string) {
    const what = etag === undefined ? "there is nothing here" : `what is here is ${etag}`;
    super(`The condition of ${header} does not hold: ${what}`, { header, etag: etag ?? null });
  }
}

/** Nothing of the content lies in the `Range` that was asked for, or it is malformed. */
export class RangeNotSatisfiable extends RequestError {
  readonly code = "RangeNotSatisfiable";
  override readonly headers: Readonly<Record<string, string>>;

  /** @param size of the content in bytes */
  constructor(size: number) {
    super(`The range that was asked for is not within the ${size} bytes that there are`, { size });
    this.headers = { "Content-Range": `bytes */${size}`, "Accept-Ranges": "bytes" };
  }
}

/** A body that is no JSON object. */
export class JsonInvalid extends RequestError {
  readonly code = "json_error";
  constructor(reason: string, options?: ErrorOptions) {
    super(`Json parsing failure '${reason}'`, { type: "parse", reason }, options);
  }
}

/** A header or field that breaks a rule. */
export class RequestInvalid extends RequestError {
  readonly code = "not_valid";
  constructor(item: string, rule: string) {
    super(`Item ${item} deemed invalid by rule: ${rule}`, { item, rule });
  }
}
