/** The `scope` parameter of Docker's token protocol: `repository:acme/db:pull,push`. */
import type { Access } from "../identity/principal.ts";
import { isRepositoryName } from "../oci/reference.ts";

const known = new Set(["pull", "push", "delete", "*"]);
/** Clients ask for one or two; a token with very many would not fit into a header. */
const most = 32;

/**
 * What is asked for, one entry a repository. Other resources than repositories, malformed names and
 * unknown actions are passed over, as the protocol lets a server give less than was asked.
 *
 * @param values of the parameter, each may name several scopes separated by blanks
 */
export function parseScopes(values: readonly string[]): Access[] {
  const actionsOf = new Map<string, Set<string>>();
  for (const { name, actions } of values.flatMap((value) => value.split(" ")).flatMap(parseScope)) {
    const asked = actionsOf.get(name);
    if (asked) for (const action of actions) asked.add(action);
    else if (actionsOf.size < most) actionsOf.set(name, new Set(actions));
  }
  return [...actionsOf].map(([name, actions]) => ({
    type: "repository",
    name,
    actions: [...actions],
  }));
}

function parseScope(scope: string): { name: string; actions: string[] }[] {
  const [, name, actions] = /^repository:(.+):([a-z*,]*)$/.exec(scope) ?? [];
  if (name === undefined || actions === undefined || !isRepositoryName(name)) return [];
  return [{ name, actions: actions.split(",").filter((action) => known.has(action)) }];
}

/** What everybody may do, of what is asked for. */
export function onlyPull(access: readonly Access[]): Access[] {
  return access.map((entry) => ({
    ...entry,
    actions: entry.actions.some((action) => action === "pull" || action === "*") ? ["pull"] : [],
  }));
}
