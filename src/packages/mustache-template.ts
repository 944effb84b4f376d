/**
 * Parses the mustache of package templates into a tree, with the offset of every tag.
 *
 * The dialect is mustache.java's, as far as a template without partials needs it: values, sections,
 * inverted sections, comments and changed delimiters. Linear in the size of the template.
 */
import { quote } from "./quote.ts";

export type TemplateNode = TextNode | ValueNode | SectionNode;

export interface TextNode {
  readonly kind: "text";
  /** UTF-16 offset in the template, as in all nodes. */
  readonly offset: number;
  readonly text: string;
}

export interface ValueNode {
  readonly kind: "value";
  readonly offset: number;
  readonly name: string;
}

export interface SectionNode {
  readonly kind: "section";
  readonly offset: number;
  readonly name: string;
  readonly inverted: boolean;
  readonly children: readonly TemplateNode[];
  /** The source between the tags, which lambdas are given. */
  readonly source: string;
}

/** A template that no mustache parser takes. */
export class TemplateSyntaxError extends Error {
  readonly offset: number;
  readonly hint: string | undefined;

  constructor(message: string, offset: number, hint?: string) {
    super(message);
    this.name = "TemplateSyntaxError";
    this.offset = offset;
    this.hint = hint;
  }
}

const maxDepth = 100;
const maxNameLength = 256;
const restOfLine = /[ \t]*(?:\r?\n|$)/y;

/** @throws {TemplateSyntaxError} */
export function parseTemplate(text: string): TemplateNode[] {
  return new TemplateParser(text).parse();
}

/** Every value and section of the tree, outer ones before inner ones. */
export function* tagsOf(nodes: readonly TemplateNode[]): Generator<ValueNode | SectionNode> {
  for (const node of nodes) {
    if (node.kind === "text") continue;
    yield node;
    if (node.kind === "section") yield* tagsOf(node.children);
  }
}

interface Tag {
  /** What stands behind the opening braces; empty for a plain value. */
  readonly sigil: string;
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

interface OpenSection {
  readonly tag: Tag;
  readonly children: TemplateNode[];
}

class TemplateParser {
  readonly #text: string;
  readonly #open: OpenSection[] = [];
  readonly #root: TemplateNode[] = [];
  #opening = "{{";
  #closing = "}}";
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): TemplateNode[] {
    for (let tag = this.#nextTag(); tag; tag = this.#nextTag()) this.#take(tag);
    this.#textUpTo(this.#text.length);
    const unclosed = this.#open.at(-1);
    if (unclosed) {
      const { name, start } = unclosed.tag;
      throw new TemplateSyntaxError(`section ${quote(name)} is never closed`, start);
    }
    return this.#root;
  }

  #nextTag(): Tag | undefined {
    const start = this.#text.indexOf(this.#opening, this.#offset);
    if (start < 0) return undefined;
    const inner = start + this.#opening.length;
    const sigil = /[#^/!=&{><$%]/.exec(this.#text[inner] ?? "")?.[0] ?? "";
    const content = inner + sigil.length;
    const close = this.#text.indexOf(this.#closing, content);
    if (close < 0) {
      throw new TemplateSyntaxError(
        "the tag is never closed",
        start,
        `${this.#closing} is missing`,
      );
    }
    const name = this.#text.slice(content, close).trim();
    const tag = { sigil, name, start, end: close + this.#closing.length };
    return sigil === "{" ? this.#triple(tag) : tag;
  }

  #triple(tag: Tag): Tag {
    if (this.#text[tag.end] === "}") return { ...tag, end: tag.end + 1 };
    const hint = `"{{{" is closed by "}}}"; write "{ {{" to open an object before a tag`;
    throw new TemplateSyntaxError("the tag is not closed by three braces", tag.start, hint);
  }

  #take(tag: Tag): void {
    const { sigil, name, start, end } = tag;
    if (sigil !== "!") checkName(name, start);
    if (sigil === "" || sigil === "&" || sigil === "{") {
      this.#textUpTo(start);
      this.#add({ kind: "value", offset: start, name });
      this.#offset = end;
      return;
    }
    const after = this.#endOfOwnLine(tag);
    if (sigil === "#" || sigil === "^") this.#enter(tag);
    else if (sigil === "/") this.#leave(tag);
    else if (sigil === "=") this.#changeDelimiters(tag);
    else if (sigil !== "!") {
      throw new TemplateSyntaxError(
        `{{${sigil}…}} is not supported`,
        start,
        "DC/OS has no partials",
      );
    }
    this.#offset = after;
  }

  /** A tag alone on its line takes the line with it; adds the text before it either way. */
  #endOfOwnLine({ start, end }: Tag): number {
    const before = this.#text.slice(this.#offset, start);
    const blankFrom = before.lastIndexOf("\n") + 1;
    const atLineStart =
      blankFrom > 0 || this.#offset === 0 || this.#text[this.#offset - 1] === "\n";
    restOfLine.lastIndex = end;
    if (atLineStart && /^[ \t]*$/.test(before.slice(blankFrom)) && restOfLine.test(this.#text)) {
      this.#textUpTo(this.#offset + blankFrom);
      return restOfLine.lastIndex;
    }
    this.#textUpTo(start);
    return end;
  }

  #enter(tag: Tag): void {
    if (this.#open.length >= maxDepth) {
      throw new TemplateSyntaxError(`sections nested deeper than ${maxDepth}`, tag.start);
    }
    this.#open.push({ tag, children: [] });
  }

  #leave({ name, start }: Tag): void {
    const section = this.#open.pop();
    if (!section) {
      throw new TemplateSyntaxError(`section ${quote(name)} is closed but was never opened`, start);
    }
    const { tag, children } = section;
    if (tag.name !== name) {
      const line = this.#line(tag.start);
      const message = `${quote(name)} closed at line ${this.#line(start)} but ${quote(tag.name)} was open since line ${line}`;
      throw new TemplateSyntaxError(message, start);
    }
    this.#add({
      kind: "section",
      offset: tag.start,
      name,
      inverted: tag.sigil === "^",
      children,
      source: this.#text.slice(tag.end, start),
    });
  }

  #changeDelimiters({ name, start }: Tag): void {
    const [, opening, closing] = /^(\S+)\s+(\S+)=$/.exec(name) ?? [];
    if (!opening || !closing || `${opening}${closing}`.includes("=")) {
      throw new TemplateSyntaxError("delimiters are set as {{=<% %>=}}", start);
    }
    this.#opening = opening;
    this.#closing = closing;
  }

  #textUpTo(end: number): void {
    if (end > this.#offset) {
      const text = this.#text.slice(this.#offset, end);
      this.#add({ kind: "text", offset: this.#offset, text });
    }
  }

  #add(node: TemplateNode): void {
    (this.#open.at(-1)?.children ?? this.#root).push(node);
  }

  #line(offset: number): number {
    return this.#text.slice(0, offset).split(/\r\n?|\n/).length;
  }
}

function checkName(name: string, offset: number): void {
  if (name === "") throw new TemplateSyntaxError("the tag is empty", offset);
  if (name.length > maxNameLength) {
    const hint = "is its end missing?";
    throw new TemplateSyntaxError(`a tag of more than ${maxNameLength} characters`, offset, hint);
  }
}
