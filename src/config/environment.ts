/** Options as environment variables, `DCOS_REGISTRY_…`. */
import { nearest } from "./nearest.ts";
import { options, variableOf } from "./options.ts";
import type { Problem } from "./schema.ts";
import { check, fromText, problem, type Source, setAt } from "./sources.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Variables named after options. Empty ones count as unset, as templates leave them so. Other
 * variables of the same prefix are left alone (the client has some, and container platforms
 * invent some), except those that look like a mistyped option.
 */
export function readEnvironment(environment: Environment): Source {
  const document: Record<string, unknown> = {};
  const known = new Map(options.map((option) => [variableOf(option), option]));
  const problems: Problem[] = [];
  for (const [name, text] of Object.entries(environment)) {
    const option = known.get(name);
    if (option && text) setAt(document, option.pointer, fromText(option, text));
    if (option || !name.startsWith("DCOS_REGISTRY_") || !text) continue;
    const meant = nearest(name.slice("DCOS_REGISTRY_".length), [...known.keys()].map(ending));
    if (meant) problems.push(problem(`${name} is unknown; did you mean DCOS_REGISTRY_${meant}?`));
  }
  const label = new Map(options.map((option) => [option.pointer as string, variableOf(option)]));
  const source = check(document, process.cwd(), (pointer) => label.get(pointer) ?? pointer);
  return { values: source.values, problems: [...problems, ...source.problems] };
}

function ending(variable: string): string {
  return variable.slice("DCOS_REGISTRY_".length);
}
