/** Options as flags. Read by hand: all that is wrong is to be told at once, with what was meant. */
import { nearest } from "./nearest.ts";
import { flagOf, isSwitch, type Option, options } from "./options.ts";
import type { Problem } from "./schema.ts";
import { check, fromText, problem, type Source, setAt } from "./sources.ts";

/** Flags beside the options of the table; each ends the program after printing something. */
const requests = ["help", "version", "print-config"] as const;
export type Request = (typeof requests)[number];

/** `--flag value` and `--flag=value`; a switch stands alone or takes `=true`, `=false`. */
export function readFlags(argv: readonly string[]): Source & { readonly requests: Set<Request> } {
  const known = new Map(options.map((option) => [flagOf(option), option]));
  const document: Record<string, unknown> = {};
  const asked = new Set<Request>();
  const problems: Problem[] = [];
  for (const { name, value } of tokens(argv, known)) {
    const option = known.get(name);
    const request = requests.find((wanted) => wanted === name);
    if (option && value !== undefined) setAt(document, option.pointer, fromText(option, value));
    else if (option) problems.push(missingValue(option));
    else if (request) asked.add(request);
    else problems.push(unknownFlag(name, [...known.keys(), ...requests]));
  }
  const label = new Map(options.map((option) => [option.pointer as string, `--${flagOf(option)}`]));
  const source = check(document, process.cwd(), (pointer) => label.get(pointer) ?? pointer);
  return { values: source.values, problems: [...problems, ...source.problems], requests: asked };
}

interface Token {
  /** Without dashes; empty for an argument that belongs to no flag. */
  readonly name: string;
  readonly value?: string;
}

function* tokens(argv: readonly string[], known: ReadonlyMap<string, Option>): Generator<Token> {
  const rest = [...argv];
  for (let text = rest.shift(); text !== undefined; text = rest.shift()) {
    if (!text.startsWith("-")) yield { name: "" };
    else yield flagToken(text, known, rest);
  }
}

/** Takes the value from `rest` where it stands there and does not look like a flag itself. */
function flagToken(text: string, known: ReadonlyMap<string, Option>, rest: string[]): Token {
  const [flag = "", ...inline] = text.split("=");
  const name = flag.replace(/^--?/, "");
  if (inline.length > 0) return { name, value: inline.join("=") };
  const option = known.get(name);
  if (option && isSwitch(option)) return { name, value: "true" };
  const next = rest[0];
  if (isRequest(name) || next === undefined || /^-(?![0-9])/.test(next)) return { name };
  rest.shift();
  return { name, value: next };
}

function isRequest(name: string): boolean {
  return requests.some((request) => request === name);
}

function missingValue(option: Option): Problem {
  return {
    pointer: option.pointer,
    message: `--${flagOf(option)}: needs a value, ${option.value}`,
  };
}

/** Names the flag only: what stands behind it may be a secret. */
function unknownFlag(name: string, known: readonly string[]): Problem {
  if (name === "") return problem("unexpected argument that belongs to no option");
  const meant = nearest(name, known);
  return problem(`unknown option --${name}${meant ? `; did you mean --${meant}?` : ""}`);
}
