/**
 * Renders a parsed template, remembering which tag each part of the output came from.
 *
 * Look-up follows mustache.java: from the innermost scope outwards, the whole dotted name before the
 * path, and once the path leads into a scope, never out of it again. Output and work are bounded.
 */
import { isList, isTruthy, type JavaValue, javaMember, printJava } from "./java-value.ts";
import type { SectionNode, TemplateNode, ValueNode } from "./mustache-template.ts";

/** A piece of the output, of one text or value node. */
export interface RenderedPiece {
  /** Offset of its first character in the output. */
  readonly start: number;
  readonly text: string;
  readonly node: TemplateNode;
}

/** A template that grows without end: nested loops over the same list. */
export class RenderLimit extends Error {
  readonly code = "RENDER_LIMIT";
}

const maxOutput = 8 * 1024 * 1024;
const maxSteps = 1_000_000;

/**
 * @param lambda what a section is replaced by when no scope knows its name
 * @throws {RenderLimit}
 */
export function renderTemplate(
  nodes: readonly TemplateNode[],
  context: JavaValue,
  lambda: (section: SectionNode) => string | undefined = () => undefined,
): RenderedPiece[] {
  return new Renderer(lambda).render(nodes, context);
}

class Renderer {
  readonly #lambda: (section: SectionNode) => string | undefined;
  readonly #pieces: RenderedPiece[] = [];
  /** Innermost last. */
  readonly #scopes: JavaValue[] = [];
  #length = 0;
  #steps = 0;

  constructor(lambda: (section: SectionNode) => string | undefined) {
    this.#lambda = lambda;
  }

  render(nodes: readonly TemplateNode[], context: JavaValue): RenderedPiece[] {
    this.#within(context, nodes);
    return this.#pieces;
  }

  #within(scope: JavaValue, nodes: readonly TemplateNode[]): void {
    this.#scopes.push(scope);
    for (const node of nodes) this.#node(node);
    this.#scopes.pop();
  }

  #node(node: TemplateNode): void {
    this.#steps += 1;
    if (this.#steps > maxSteps) throw new RenderLimit(`more than ${maxSteps} steps`);
    if (node.kind === "section") this.#section(node);
    else this.#write(node, node.kind === "text" ? node.text : printJava(this.#find(node)));
  }

  #section(node: SectionNode): void {
    const value = this.#find(node);
    const replaced = value === undefined && !node.inverted ? this.#lambda(node) : undefined;
    if (replaced !== undefined) this.#write(node, replaced);
    else if (node.inverted === isTruthy(value)) return;
    else if (node.inverted || value === undefined) this.#inline(node);
    else if (isList(value)) for (const item of value) this.#within(item, node.children);
    else this.#within(value, node.children);
  }

  #inline(node: SectionNode): void {
    for (const child of node.children) this.#node(child);
  }

  #write(node: TemplateNode, text: string): void {
    this.#pieces.push({ start: this.#length, text, node });
    this.#length += text.length;
    if (this.#length > maxOutput) throw new RenderLimit(`more than ${maxOutput} characters`);
  }

  #find({ name }: ValueNode | SectionNode): JavaValue | undefined {
    if (name === ".") return this.#scopes.findLast((scope) => scope !== null);
    const path = name.split(".");
    for (const scope of this.#scopes.toReversed()) {
      const whole = javaMember(scope, name);
      if (whole !== undefined) return whole;
      const parent = path.length > 1 ? follow(scope, path.slice(0, -1)) : undefined;
      // The path's parent is here, so its last step is looked for here and nowhere else.
      if (parent !== undefined) return javaMember(parent, path.at(-1) ?? "");
    }
    return undefined;
  }
}

/** Where the path leads; null ends it early, and is found all the same. */
function follow(scope: JavaValue, path: readonly string[]): JavaValue | undefined {
  let value: JavaValue | undefined = scope;
  for (const step of path) {
    value = javaMember(value, step);
    if (value === undefined || value === null) return value;
  }
  return value;
}
