/**
 * Tokens that an operator writes into a file, one a line; `#` starts a comment line.
 *
 * They are kept and compared as SHA-256 digests, all of them each time, so that neither memory nor
 * timing gives them away.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { CredentialsFileInvalid } from "./identity-error.ts";
import { ReloadedFile, type ReloadedFileOptions } from "./reloaded-file.ts";

/** By the number of the line, from 1. */
type Digests = ReadonlyMap<number, Buffer>;

const shortest = 16;
const longest = 4096;

export class StaticTokens {
  readonly #file: ReloadedFile<Digests>;

  private constructor(file: ReloadedFile<Digests>) {
    this.#file = file;
  }

  /** @throws {CredentialsFileInvalid} naming file and line */
  static async open(
    file: string,
    options: Pick<ReloadedFileOptions<Digests>, "onError" | "clock">,
  ): Promise<StaticTokens> {
    const absent: Digests = new Map();
    return new StaticTokens(
      await ReloadedFile.open({ ...options, file, parse: parseTokens, absent }),
    );
  }

  /** @returns the line, from 1, on which the token stands; undefined when it does not */
  async lineOf(token: string): Promise<number | undefined> {
    const candidate = digest(token);
    let found: number | undefined;
    for (const [line, stored] of await this.#file.content()) {
      if (timingSafeEqual(stored, candidate)) found = line;
    }
    return found;
  }
}

/** @throws {CredentialsFileInvalid} */
export function parseTokens(file: string, text: string): Digests {
  const tokens = new Map<number, Buffer>();
  for (const [index, raw] of text.split("\n").entries()) {
    const token = raw.trim();
    if (token === "" || token.startsWith("#")) continue;
    const why = reasonToRefuse(token);
    if (why) throw new CredentialsFileInvalid(file, `line ${index + 1}: ${why}`);
    tokens.set(index + 1, digest(token));
  }
  if (tokens.size === 0) throw new CredentialsFileInvalid(file, "holds no token");
  return tokens;
}

function reasonToRefuse(token: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(token)) return "a token is printable ASCII without blanks";
  if (token.length < shortest) return `a token has at least ${shortest} characters`;
  return token.length > longest ? `a token has at most ${longest} characters` : undefined;
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
