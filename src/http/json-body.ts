/** Reads small JSON bodies; everything larger than any request here is refused while it arrives. */
import type { IncomingMessage } from "node:http";
import { essence } from "../oci/media-type.ts";
import { readLimited } from "./read-limited.ts";
import { JsonInvalid, RequestInvalid } from "./request-error.ts";

const maximumBytes = 64 * 1024;

export type JsonFields = Readonly<Record<string, unknown>>;

export function isJson(contentType: string | undefined): boolean {
  return /^application\/(?:[^;]*\+)?json$/.test(essence(contentType ?? ""));
}

/**
 * @returns the object sent, an empty one for an empty body
 * @throws {RequestInvalid} when the body is announced as something else: browsers send other types
 *   across sites without asking
 * @throws {RequestTooLarge}
 * @throws {JsonInvalid}
 */
export async function readJson(request: IncomingMessage): Promise<JsonFields> {
  const { "content-type": type } = request.headers;
  const bytes = await readLimited(request, maximumBytes);
  if (!isJson(type)) {
    if (type === undefined && bytes.length === 0) return {};
    throw new RequestInvalid("Content-Type", "application/json");
  }
  return bytes.length === 0 ? {} : parseObject(bytes);
}

/** @throws {RequestInvalid} when `name` is not there, or no text */
export function requiredText(fields: JsonFields, name: string): string {
  const value = optionalText(fields, name);
  if (value === undefined || value === "") throw new RequestInvalid(name, "must be a text");
  return value;
}

/** Null counts as absent, as in Cosmos. @throws {RequestInvalid} when it is no text */
export function optionalText(fields: JsonFields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new RequestInvalid(name, "must be a text");
  return value;
}

/** @throws {RequestInvalid} when it is neither true nor false */
export function optionalFlag(fields: JsonFields, name: string): boolean | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") throw new RequestInvalid(name, "must be true or false");
  return value;
}

function parseObject(bytes: Buffer): JsonFields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new JsonInvalid("the body is not valid JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new JsonInvalid("the body is not a JSON object");
  }
  return value as JsonFields;
}
