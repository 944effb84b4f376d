/** The JSON file that `--config` names. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { check, problem, type Source } from "./sources.ts";

/** Strict JSON; comments and trailing commas are problems, with their line and column. */
export function readConfigurationFile(file: string): Source {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return { values: new Map(), problems: [problem(`${file}: cannot be read (${code})`)] };
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { values: new Map(), problems: [problem(`${file}${syntaxError(text)}`)] };
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    return { values: new Map(), problems: [problem(`${file}: must hold a JSON object`)] };
  }
  const nested = document as Record<string, unknown>;
  const named = Object.hasOwn(nested, "config") ? [problem(`${file}: names another file`)] : [];
  delete nested["config"];
  const source = check(nested, path.dirname(file), (pointer) => `${file} ${pointer}`.trim());
  return { values: source.values, problems: [...named, ...source.problems] };
}

/** `:line:column: what`; JSON.parse says neither reliably. */
function syntaxError(text: string): string {
  const errors: ParseError[] = [];
  parse(text, errors, { disallowComments: true });
  const [first] = errors;
  if (!first) return ": is no JSON in UTF-8 without a byte order mark";
  const before = text.slice(0, first.offset).split("\n");
  const what = printParseErrorCode(first.error).replace(/([a-z])([A-Z])/g, "$1 $2");
  return `:${before.length}:${(before.at(-1)?.length ?? 0) + 1}: ${what.toLowerCase()}`;
}
