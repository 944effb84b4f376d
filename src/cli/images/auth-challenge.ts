/** The `WWW-Authenticate` headers of registries (RFC 9110, 11.6.1; distribution-spec's token flow). */

export interface BearerChallenge {
  readonly scheme: "bearer";
  readonly realm: string;
  readonly service?: string;
  readonly scope?: string;
}

export interface BasicChallenge {
  readonly scheme: "basic";
}

export type Challenge = BearerChallenge | BasicChallenge;

const start = /^\s*,?\s*([A-Za-z][A-Za-z0-9-]*)(?:\s+(?=[^,=]+=)|\s*(?=,|$))/;
const parameter = /^\s*,?\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/;

/** The first Bearer challenge of the headers, or else Basic; undefined when there is neither. */
export function parseChallenges(headers: readonly string[]): Challenge | undefined {
  const found = headers.flatMap((header) => readHeader(header.slice(0, 4096)));
  const bearer = found.find(({ scheme, realm }) => scheme === "bearer" && realm !== undefined);
  if (bearer?.realm !== undefined) {
    const { realm, service, scope } = bearer;
    return {
      scheme: "bearer",
      realm,
      ...(service !== undefined && { service }),
      ...(scope !== undefined && { scope }),
    };
  }
  return found.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : undefined;
}

type Found = { scheme: string; realm?: string; service?: string; scope?: string };

function readHeader(header: string): Found[] {
  const found: Found[] = [];
  for (let rest = header; rest.trim() !== ""; ) {
    const [whole, scheme] = start.exec(rest) ?? [];
    if (whole === undefined || scheme === undefined) break;
    const { parameters, rest: behind } = readParameters(rest.slice(whole.length));
    found.push({ ...parameters, scheme: scheme.toLowerCase() });
    rest = behind;
  }
  return found;
}

function readParameters(text: string): { parameters: Omit<Found, "scheme">; rest: string } {
  const parameters: Record<string, string> = {};
  let rest = text;
  for (let match = parameter.exec(rest); match !== null; match = parameter.exec(rest)) {
    const [whole, name = "", quoted, token] = match;
    parameters[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, "$1") ?? token ?? "";
    rest = rest.slice(whole.length);
  }
  return { parameters, rest };
}
