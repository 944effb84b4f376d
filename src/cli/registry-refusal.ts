/**
 * Tells the registry's own answers from those that something in between gave in its place.
 *
 * The registry answers failures with `{"type","message","data"}` (Cosmos' envelope); a proxy mostly
 * answers HTML. Both become errors here that say who refused, and what to do.
 */
import { CliError, type ErrorContext } from "./cli-error.ts";
import { arrayOf, type Fields, fieldsOf, parseFields, textOf } from "./json-fields.ts";

/** One answer, its body read whole. */
export interface Answer {
  /** The address asked, without credentials. */
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** The registry understood the request and will not do it; `code` is the type it gave. */
export class RegistryRefusal extends CliError {
  readonly code: string;
  readonly status: number;
  readonly data: Fields;

  constructor(type: string, status: number, message: string, data: Fields, context: ErrorContext) {
    super(message, context);
    this.code = type;
    this.status = status;
    this.data = data;
  }
}

/** Something answered, but not with the words of a registry. */
export class NotARegistry extends CliError {
  readonly code = "NOT_A_REGISTRY";
  /** What was answered, if that much was understood. */
  readonly status: number | undefined;

  constructor(message: string, context: ErrorContext & { readonly status?: number }) {
    super(message, context);
    this.status = context.status;
  }
}

/**
 * @returns the document of a successful answer
 * @throws {RegistryRefusal} @throws {NotARegistry}
 */
export function documentOf(answer: Answer): Fields {
  const document = parseFields(answer.body);
  const refusal = document && envelopeOf(document);
  if (refusal) throw refusalOf(answer, refusal);
  if (answer.status >= 300 || document === undefined) throw foreignAnswer(answer);
  return document;
}

interface Envelope {
  readonly type: string;
  readonly message: string;
  readonly data: Fields;
}

/** Cosmos' envelope, or that of the OCI routes: `{"errors":[{"code","message","detail"}]}`. */
function envelopeOf(document: Fields): Envelope | undefined {
  const [first] = arrayOf(document["errors"]);
  if (first !== undefined) return ociEnvelope(fieldsOf(first));
  const type = textOf(document["type"]);
  const message = textOf(document["message"]);
  if (type === undefined || message === undefined) return undefined;
  return { type, message, data: fieldsOf(document["data"]) };
}

function ociEnvelope({ code, message, detail }: Fields): Envelope | undefined {
  const type = textOf(code);
  return type === undefined
    ? undefined
    : { type, message: textOf(message) ?? type, data: fieldsOf(detail) };
}

/** @throws {RegistryRefusal} @throws {NotARegistry} whatever the answer was: it is not the one hoped for */
export function refuse(answer: Answer): never {
  const document = parseFields(answer.body);
  const refusal = document && envelopeOf(document);
  throw refusal ? refusalOf(answer, refusal) : foreignAnswer(answer);
}

function refusalOf({ url, status }: Answer, { type, message, data }: Envelope): RegistryRefusal {
  const hint = textOf(data["hint"]) ?? hintForStatus(status);
  return new RegistryRefusal(type, status, message, data, { where: url, hint });
}

/** The hint for a status that means the same whoever sends it. */
function hintForStatus(status: number): string | undefined {
  if (status === 401) {
    return "pass --token-file FILE, or --user NAME --password-stdin, with what the registry was started with";
  }
  if (status === 403) return "these credentials are valid but may not do this";
  if (status === 413)
    return "a proxy in between limits the size of requests; address the registry itself with --url";
  if (status === 507) return "free space in the registry's storage, or remove packages";
  if (status === 502 || status === 503 || status === 504) {
    return "the registry is starting, overloaded or down; try again in a moment";
  }
  return undefined;
}

/** The error for an answer that is not what a registry says. */
export function foreignAnswer(answer: Answer): CliError {
  const { url, status, location } = answer;
  if (status >= 300 && status < 400 && location !== undefined) {
    return new NotARegistry(`the address redirects to ${location}`, {
      where: url,
      hint: "pass the address that it redirects to with --url",
    });
  }
  const kind = /html/i.test(answer.contentType)
    ? "an HTML page"
    : "something that is no JSON document";
  const message = `HTTP ${status} with ${kind}: this is not the registry's own answer`;
  const hint = hintForStatus(status) ?? "check --url, and which proxy stands in between";
  return status === 401 || status === 403 || status === 413
    ? new RegistryRefusal("NOT_A_REGISTRY_ANSWER", status, message, {}, { where: url, hint })
    : new NotARegistry(message, { where: url, hint, status });
}
