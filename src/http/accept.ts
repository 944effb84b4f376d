/**
 * `Accept` and `Accept-Encoding` (RFC 9110 section 12.5): what a client can read, best first.
 *
 * Tolerant, as Cosmos' own requests are compared by exact strings elsewhere: spaces, order, quotes
 * and case do not matter; what cannot be parsed is skipped.
 */

export interface Acceptable {
  /** Lower case: `application/json`, `gzip`, a wildcard such as `*` or `text/*`. */
  readonly name: string;
  /** Names and values in lower case, `q` and what follows it left out. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Between 0 and 1; what has 0 is not acceptable and never listed. */
  readonly quality: number;
}

const qualityGrammar = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** In order of quality, then as written. */
export function parseAccept(header: string | undefined): Acceptable[] {
  return splitUnquoted(header ?? "", ",")
    .map(parseOne)
    .filter((one): one is Acceptable => one !== undefined && one.quality > 0)
    .sort((left, right) => right.quality - left.quality);
}

function parseOne(text: string): Acceptable | undefined {
  const [name = "", ...rest] = splitUnquoted(text, ";").map((part) => part.trim());
  if (name === "") return undefined;
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const [key = "", value = ""] = splitParameter(part);
    if (key === "q") {
      const quality = qualityGrammar.test(value) ? Number(value) : 1;
      return { name: name.toLowerCase(), parameters, quality };
    }
    if (key !== "") parameters.set(key, value);
  }
  return { name: name.toLowerCase(), parameters, quality: 1 };
}

function splitParameter(text: string): [key: string, value: string] {
  const equals = text.indexOf("=");
  if (equals < 0) return [text.toLowerCase(), ""];
  const value = text.slice(equals + 1).trim();
  const plain = /^"(.*)"$/.exec(value)?.[1]?.replace(/\\(.)/g, "$1") ?? value;
  return [text.slice(0, equals).trim().toLowerCase(), plain.toLowerCase()];
}

/** In one pass: a header is as long as its sender likes. */
function splitUnquoted(text: string, mark: string): string[] {
  if (!text.includes('"')) return text.split(mark);
  const pieces: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === "\\" && quoted) at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === mark && !quoted) {
      pieces.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...pieces, text.slice(start)];
}
