/**
 * Building blocks of the rules for package documents: types, fields, maps.
 *
 * A rule looks at one cursor and reports through it; it never throws and never changes anything, so
 * all findings of a document come out of one run.
 */
import type { JsonCursor } from "./json-cursor.ts";
import { isArray, isObject } from "./json-cursor.ts";
import { closest, quote } from "./quote.ts";

export type Rule = (cursor: JsonCursor) => void;

export const text: Rule = (cursor) => {
  if (typeof cursor.value !== "string") cursor.expected("a string");
};

export const flag: Rule = (cursor) => {
  if (typeof cursor.value !== "boolean") cursor.expected("true or false");
};

/** A string that is right for `pattern`; otherwise `explain` says what is allowed. */
export function matching(pattern: RegExp, code: string, explain: (shown: string) => string): Rule {
  return (cursor) => {
    const { value } = cursor;
    if (typeof value !== "string") cursor.expected("a string");
    else if (!pattern.test(value)) cursor.error(code, explain(quote(value)));
  };
}

/** A string that `explain` has nothing to say about. */
export function textWhere(code: string, explain: (value: string) => string | undefined): Rule {
  return (cursor) => {
    const { value } = cursor;
    if (typeof value !== "string") return cursor.expected("a string");
    const complaint = explain(value);
    if (complaint !== undefined) cursor.error(code, complaint);
  };
}

export function arrayOf(rule: Rule): Rule {
  return (cursor) => {
    if (!isArray(cursor.value)) cursor.expected("an array");
    else for (const item of cursor.items()) rule(item);
  };
}

/** An object of any keys, each value under one rule. */
export function mapOf(rule: Rule): Rule {
  return (cursor) => {
    if (!isObject(cursor.value)) cursor.expected("an object");
    else for (const [, member] of cursor.members()) rule(member);
  };
}

export interface ObjectRule {
  readonly fields: Readonly<Record<string, Rule>>;
  readonly required?: readonly string[];
  /** Whether keys without a rule are allowed. */
  readonly open?: boolean;
  /** Explains a key that is not allowed, when there is more to say than its name. */
  readonly explain?: (key: string) => string | undefined;
}

/** An object with named fields: reports the missing (E113), the unknown (E114), and checks the rest. */
export function objectOf({ fields, required = [], open = false, explain }: ObjectRule): Rule {
  const checkMember = (key: string, member: JsonCursor) => {
    const rule = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (rule) rule(member);
    else if (!open) unknownField(member, key, Object.keys(fields), explain?.(key));
  };
  return (cursor) => {
    if (!isObject(cursor.value)) return cursor.expected("an object");
    for (const key of required.filter((name) => !cursor.member(name))) cursor.missing(key);
    for (const [key, member] of cursor.members()) checkMember(key, member);
  };
}

function unknownField(
  member: JsonCursor,
  key: string,
  known: readonly string[],
  explanation: string | undefined,
): void {
  if (member.isFull) return;
  const meant = closest(key, known);
  const hint = explanation ?? (meant && `did you mean ${quote(meant)}?`);
  member.error("E114", `unknown field ${quote(key)}`, hint);
}
