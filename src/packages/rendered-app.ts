/**
 * A Marathon app rendered from a template, with the way back from the text to the template.
 *
 * Findings about the output must point to what the packager can change: the tag or the line of the
 * template. Depends on the mustache parts only.
 */
import { toJava } from "./java-value.ts";
import { isObject } from "./json-cursor.ts";
import { JsonSyntaxError } from "./json-scanner.ts";
import { parseJsonTree } from "./json-tree.ts";
import { LineIndex } from "./line-index.ts";
import { type RenderedPiece, RenderLimit, renderTemplate } from "./mustache-render.ts";
import { parseTemplate, type TemplateNode, TemplateSyntaxError } from "./mustache-template.ts";
import type { JsonObject, JsonValue } from "./package-definition.ts";
import { nameValue } from "./quote.ts";
import type { TemplateSource } from "./template-source.ts";

export interface RenderedApp {
  readonly text: string;
  readonly app: JsonObject;
  readonly pieces: readonly RenderedPiece[];
}

/** The tree of a template; undefined when there is none, which is reported (E130). */
export function parseSource(source: TemplateSource): TemplateNode[] | undefined {
  try {
    return parseTemplate(source.text);
  } catch (error) {
    if (!(error instanceof TemplateSyntaxError)) throw error;
    const { message, offset, hint } = error;
    source.report({ code: "E130", severity: "error", offset, message, hint });
    return undefined;
  }
}

/** The app; undefined when the output is no JSON object, which is reported (E131). */
export function renderSource(
  source: TemplateSource,
  nodes: readonly TemplateNode[],
  context: JsonObject,
): RenderedApp | undefined {
  const result = renderNodes(nodes, context);
  if (!("offset" in result)) return result;
  const { offset, message, excerpt } = result;
  source.report({ code: "E131", severity: "error", offset, message, excerpt });
  return undefined;
}

interface Problem {
  readonly offset: number;
  readonly message: string;
  readonly excerpt: readonly string[];
}

function renderNodes(nodes: readonly TemplateNode[], context: JsonObject): RenderedApp | Problem {
  let pieces: RenderedPiece[];
  try {
    pieces = renderTemplate(nodes, toJava(context), ({ name, source }) =>
      name === "asJson" ? asJson(context, source.trim()) : undefined,
    );
  } catch (error) {
    if (!(error instanceof RenderLimit)) throw error;
    return { offset: 0, message: `the template renders to ${error.message}`, excerpt: [] };
  }
  const text = pieces.map((piece) => piece.text).join("");
  try {
    const app = JSON.parse(text) as JsonValue;
    if (isObject(app)) return { text, app, pieces };
    const message = `the rendered app must be a JSON object, not ${nameValue(app)}`;
    return { offset: 0, message, excerpt: [] };
  } catch {
    return explain(text, pieces);
  }
}

function asJson(context: JsonObject, key: string): string {
  return Object.hasOwn(context, key) ? JSON.stringify(context[key]) : "";
}

function explain(text: string, pieces: readonly RenderedPiece[]): Problem {
  const { message, offset } = syntaxError(text);
  const excerpt = linesAround(text, offset);
  const empty = emptyValueBefore(pieces, offset);
  return {
    offset: empty?.offset ?? originOf(pieces, offset),
    message: `the rendered app is not JSON with the default options: ${message}${because(empty?.name)}`,
    excerpt,
  };
}

function because(name: string | undefined): string {
  if (name === undefined) return "";
  const fromResource = name.startsWith("resource.");
  return fromResource
    ? ` because ${name} is not in resource.json`
    : ` because option "${name}" has no default`;
}

/** Our own parser knows where; it may stop at one of its limits instead, which is as good. */
function syntaxError(text: string): { message: string; offset: number } {
  try {
    parseJsonTree(text, () => undefined);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error;
    throw error;
  }
  return { message: "it cannot be parsed", offset: 0 };
}

/** The value that rendered to nothing just before the place where something was missed. */
function emptyValueBefore(
  pieces: readonly RenderedPiece[],
  offset: number,
): { name: string; offset: number } | undefined {
  for (let index = pieceAt(pieces, offset); index >= 0; index -= 1) {
    const piece = pieces[index];
    if (!piece) return undefined;
    const { node, text, start } = piece;
    if (node.kind === "value" && text === "") return { name: node.name, offset: node.offset };
    if (text.slice(0, Math.max(0, offset - start)).trim() !== "") return undefined;
  }
  return undefined;
}

/** Where in the template a character of the output comes from. */
export function originOf(pieces: readonly RenderedPiece[], offset: number): number {
  const piece = pieces[pieceAt(pieces, offset)];
  if (!piece) return 0;
  const inside = piece.node.kind === "text" ? Math.min(offset - piece.start, piece.text.length) : 0;
  return piece.node.offset + inside;
}

/** The last piece that starts at or before the offset. */
function pieceAt(pieces: readonly RenderedPiece[], offset: number): number {
  let low = 0;
  let high = pieces.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((pieces[middle]?.start ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low;
}

function linesAround(text: string, offset: number): string[] {
  const at = new LineIndex(text).position(offset).line;
  return text
    .split(/\r\n?|\n/)
    .map((line, index) => ({ number: index + 1, line: line.slice(0, 120) }))
    .filter(({ number }) => Math.abs(number - at) <= 1)
    .map(({ number, line }) => `${number === at ? ">" : " "} ${number} | ${line}`);
}
