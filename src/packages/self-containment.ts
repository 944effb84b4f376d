/**
 * Finds what would make a bundle installable but not runnable without a network.
 *
 * The rendered app is searched for images and URLs, and each is traced back to the tag or the
 * literal text it came from: only what comes from `resource` is in the bundle.
 */
import { parseImageReference, ReferenceInvalid } from "../oci/reference.ts";
import { isArray, isObject, ownValue } from "./json-cursor.ts";
import type { RenderedPiece } from "./mustache-render.ts";
import { type TemplateNode, tagsOf } from "./mustache-template.ts";
import type { JsonValue } from "./package-definition.ts";
import { closest, quote } from "./quote.ts";
import { originOf, type RenderedApp } from "./rendered-app.ts";
import type { TemplateSource } from "./template-source.ts";

const urlPattern = /https?:\/\/[^\s"'\\<>`{}]+/g;
/** Names that only exist inside a cluster, and addresses of the agent itself. */
const clusterHost = /(?:^|\.)(?:mesos|thisdcos\.(?:directory|global)|localhost)$|^127\.|^[^.]*$/;

/** Tags that name something in `resource` that is not there (W220). */
export function warnOfMissingAssets(
  source: TemplateSource,
  nodes: readonly TemplateNode[],
  resource: JsonValue | undefined,
): void {
  for (const { kind, name, offset } of tagsOf(nodes)) {
    if (kind !== "value" || !name.startsWith("resource.")) continue;
    const path = name.split(".").slice(1);
    const parent = path.slice(0, -1).reduce(ownOrNothing, resource);
    const key = path.at(-1) ?? "";
    if (ownValue(parent, key) !== undefined) continue;
    const meant = closest(key, isObject(parent) ? Object.keys(parent) : []);
    const question = meant ? ` (did you mean ${meant}?)` : "";
    const message = `${name} is not in resource.json${question}`;
    const place = source.text.indexOf(name, offset);
    source.report({ code: "W220", severity: "warning", offset: place, message });
  }
}

function ownOrNothing(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return ownValue(value, key);
}

/** Images and URLs of the app that agents would fetch from outside (W201, W202, W203). */
export function warnOfOutsideReferences(
  source: TemplateSource,
  rendered: RenderedApp,
  bundled: readonly string[],
): void {
  const seen = new Set<string>();
  const report = (code: string, offset: number, message: string, hint?: string) => {
    if (seen.has(message)) return;
    seen.add(message);
    source.report({ code, severity: "warning", offset, message, hint });
  };
  warnOfLiteralUrls(source, report);
  for (const piece of rendered.pieces) {
    if (piece.node.kind !== "value" || piece.node.name.startsWith("resource.")) continue;
    const { name, offset } = piece.node;
    for (const url of outsideUrls(piece.text)) {
      report("W203", offset, `option "${name}" defaults to ${url}, outside the registry`);
    }
    warnOfOptionImage(piece, bundled, report);
  }
  for (const image of imagesOf(rendered.app)) {
    warnOfLiteralImage(image, rendered, bundled, report);
  }
}

type Report = (code: string, offset: number, message: string, hint?: string) => void;

function warnOfLiteralUrls(source: TemplateSource, report: Report): void {
  for (const { 0: url, index } of source.text.matchAll(urlPattern)) {
    if (isOutside(url)) report("W203", index, `downloads ${url} at run time`);
  }
}

function warnOfOptionImage(piece: RenderedPiece, bundled: readonly string[], report: Report): void {
  if (piece.node.kind !== "value") return;
  const { name, offset } = piece.node;
  const { text } = piece;
  if (bundled.includes(text)) {
    const message = `image ${quote(text)} is bundled, but the app takes it from the default of option "${name}"`;
    const hint =
      "the registry serves that default rewritten; whoever sets the option must name the registry's image";
    report("W202", offset, message, hint);
  } else if (isImageName(name) && looksLikeImage(text)) {
    const message = `option "${name}" defaults to image ${quote(text)}, which is not in assets`;
    report("W201", offset, `${message}: agents would pull it from ${hostOf(text)}`);
  }
}

/** An image whose name is not, as a whole, the value of one tag. */
function warnOfLiteralImage(
  image: string,
  { text, pieces }: RenderedApp,
  bundled: readonly string[],
  report: Report,
): void {
  if (!looksLikeImage(image)) return;
  const escaped = JSON.stringify(image).slice(1, -1);
  if (pieces.some((piece) => piece.node.kind === "value" && piece.text === escaped)) return;
  const offset = originOf(pieces, Math.max(0, text.indexOf(escaped)));
  const from = `agents would pull it from ${hostOf(image)}`;
  if (bundled.includes(image)) {
    report("W202", offset, `image ${quote(image)} is bundled, but the template names it: ${from}`);
  } else report("W203", offset, `image ${quote(image)} is not in assets: ${from}`);
}

/** The strings under keys that name images, at any depth: `container.docker.image`, `AGENT_IMAGE`. */
function imagesOf(value: JsonValue): string[] {
  if (isArray(value)) return value.flatMap(imagesOf);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    if (typeof member !== "string") return imagesOf(member);
    return isImageName(key) ? [member] : [];
  });
}

function isImageName(name: string): boolean {
  const last = name.slice(name.lastIndexOf(".") + 1);
  return /image/i.test(last) && !/pull|policy|secret|cache|prefix|registry|name$/i.test(last);
}

function looksLikeImage(text: string): boolean {
  if (!/^[\w.:/@-]+$/.test(text) || !/[/:]/.test(text) || /^https?:/.test(text)) return false;
  try {
    parseImageReference(text);
    return true;
  } catch (error) {
    if (error instanceof ReferenceInvalid) return false;
    throw error;
  }
}

function hostOf(image: string): string {
  const { host } = parseImageReference(image);
  return host === "docker.io" ? "Docker Hub" : host;
}

function outsideUrls(text: string): string[] {
  return Array.from(text.matchAll(urlPattern), ([url]) => url).filter(isOutside);
}

function isOutside(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return !clusterHost.test(hostname) && !/^\[/.test(hostname);
}
