/** Content types as Cosmos parses them: RFC 7231, parameters compared as a subset. */

export interface MediaType {
  /** Lower case. */
  readonly type: string;
  /** Names in lower case; the value of `charset` too. */
  readonly parameters: ReadonlyMap<string, string>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const quoted = '"(?:[^"\\\\]|\\\\.)*"';
const whole = new RegExp(`^${token}/${token}(?:\\s*;\\s*${token}=(?:${token}|${quoted}))*$`);
const parameter = new RegExp(`;\\s*(${token})=(${token}|${quoted})`, "g");

/** @returns `undefined` when it does not parse */
export function parseMediaType(text: string): MediaType | undefined {
  if (!whole.test(text)) return undefined;
  const parameters = [...text.matchAll(parameter)].map(([, name = "", value = ""]) => {
    const key = name.toLowerCase();
    const plain = value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
    return [key, key === "charset" ? plain.toLowerCase() : plain] as const;
  });
  const [type = ""] = text.split(";");
  return { type: type.trim().toLowerCase(), parameters: new Map(parameters) };
}
