/**
 * The shape of a JSON text: where each value starts, nested as the values are.
 *
 * It checks syntax and limits and finds duplicate keys; the values themselves come from elsewhere.
 */
import { pointerStep } from "./json-pointer.ts";
import { JsonSyntaxError, nameToken, scanToken, type Token } from "./json-scanner.ts";
import { quote } from "./quote.ts";

export interface JsonNode {
  /** UTF-16 offset of the value or, for a member of an object, of its key. */
  readonly offset: number;
  /** By key or index; absent for scalars. */
  readonly children?: ReadonlyMap<string, JsonNode>;
}

export interface DuplicateKey {
  /** Quoted as in the text. */
  readonly key: string;
  readonly pointer: string;
  readonly first: number;
  readonly offset: number;
}

const maxDepth = 100;
const maxValues = 100_000;
const maxKeyLength = 1024;

/**
 * @param onDuplicate called for each key that an object has already
 * @throws {JsonSyntaxError} at the first mistake, and when a limit is passed
 */
export function parseJsonTree(text: string, onDuplicate: (found: DuplicateKey) => void): JsonNode {
  return new TreeParser(text, onDuplicate).document();
}

class TreeParser {
  readonly #text: string;
  readonly #onDuplicate: (found: DuplicateKey) => void;
  readonly #path: string[] = [];
  #token: Token;
  #previousEnd = 0;
  #values = 0;

  constructor(text: string, onDuplicate: (found: DuplicateKey) => void) {
    this.#text = text;
    this.#onDuplicate = onDuplicate;
    this.#token = scanToken(text, 0);
  }

  document(): JsonNode {
    if (this.#token.kind === "end") throw new JsonSyntaxError("the text is empty", 0);
    const root = this.#value(this.#token.start);
    this.#expectEnd();
    return root;
  }

  #expectEnd(): void {
    if (this.#token.kind !== "end") throw this.#unexpected("the end of the text");
  }

  #value(offset: number): JsonNode {
    this.#values += 1;
    const { kind, start } = this.#token;
    if (this.#values > maxValues) throw new JsonSyntaxError(`more than ${maxValues} values`, start);
    if (this.#path.length > maxDepth) {
      throw new JsonSyntaxError(`nested deeper than ${maxDepth} levels`, start);
    }
    if (kind === "{") return { offset, children: this.#object() };
    if (kind === "[") return { offset, children: this.#array() };
    if (kind !== "string" && kind !== "number" && kind !== "word")
      throw this.#unexpected("a value");
    this.#next();
    return { offset };
  }

  #object(): Map<string, JsonNode> {
    const open = this.#next();
    const members = new Map<string, JsonNode>();
    if (this.#token.kind === "}") this.#next();
    else {
      do this.#member(members);
      while (this.#more(open, "}"));
    }
    return members;
  }

  #member(members: Map<string, JsonNode>): void {
    const { kind, start, end } = this.#token;
    if (kind !== "string") throw this.#unexpected("a key in double quotes");
    if (end - start > maxKeyLength) {
      throw new JsonSyntaxError(`a key is longer than ${maxKeyLength} characters`, start);
    }
    const key = JSON.parse(this.#text.slice(start, end)) as string;
    this.#next();
    if (this.#token.kind !== ":") throw this.#unexpected(`':' after ${quote(key)}`);
    this.#next();
    this.#path.push(key);
    const known = members.get(key);
    if (known) this.#duplicate(key, known.offset, start);
    members.set(key, this.#value(start));
    this.#path.pop();
  }

  #array(): Map<string, JsonNode> {
    const open = this.#next();
    const items = new Map<string, JsonNode>();
    if (this.#token.kind === "]") this.#next();
    else {
      do {
        const index = String(items.size);
        this.#path.push(index);
        items.set(index, this.#value(this.#token.start));
        this.#path.pop();
      } while (this.#more(open, "]"));
    }
    return items;
  }

  /** After a value: true when a comma announces another, false when `close` ended the container. */
  #more(open: Token, close: "}" | "]"): boolean {
    const { kind, start } = this.#token;
    if (kind === close) {
      this.#next();
      return false;
    }
    if (kind !== ",") throw this.#unexpected(`',' or '${close}'`, open);
    this.#next();
    if (this.#token.kind === close) {
      throw new JsonSyntaxError(`trailing comma before '${close}'`, this.#token.start);
    }
    if (this.#token.kind === ",") throw new JsonSyntaxError("two commas in a row", start);
    return true;
  }

  #next(): Token {
    const passed = this.#token;
    this.#previousEnd = passed.end;
    this.#token = scanToken(this.#text, passed.end);
    return passed;
  }

  #duplicate(key: string, first: number, offset: number): void {
    const pointer = this.#path.map(pointerStep).join("");
    this.#onDuplicate({ key: quote(key), pointer, first, offset });
  }

  #unexpected(expected: string, open?: Token): JsonSyntaxError {
    const token = this.#token;
    const message = `expected ${expected} but found ${nameToken(this.#text, token)}`;
    return new JsonSyntaxError(message, token.start, this.#hint(token, open));
  }

  #hint(token: Token, open: Token | undefined): string | undefined {
    if (!open) return undefined;
    if (token.kind === "end") {
      return `the ${this.#text[open.start]} of line ${this.#line(open.start)} is never closed`;
    }
    if (token.kind !== "string" && token.kind !== "number" && token.kind !== "word") {
      if (token.kind !== "{" && token.kind !== "[") return undefined;
    }
    return `the comma is missing after line ${this.#line(this.#previousEnd - 1)}`;
  }

  #line(offset: number): number {
    return this.#text.slice(0, offset).split(/\r\n?|\n/).length;
  }
}
