/**
 * Plays one script against two registries and tells where their answers differ.
 *
 * What cannot be equal is made so first: names of sessions, dates, absolute and relative Locations.
 */
import { type Answer, Conversation, type Script, type Step } from "./script.ts";

export interface Difference {
  readonly script: string;
  /** Position of the step in its script, from 1. */
  readonly step: number;
  /** As written in the script. */
  readonly ask: string;
  /** `status`, `body`, or the lower-case name of a header. */
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
}

export async function differences(
  script: Script,
  name: string,
  ports: { readonly ours: number; readonly theirs: number },
): Promise<Difference[]> {
  const ours = new Conversation(ports.ours, name);
  const theirs = new Conversation(ports.theirs, name);
  const found: Difference[] = [];
  for (const [position, step] of script.steps.entries()) {
    const ourFacts = factsOf(await ours.ask(step));
    const theirFacts = factsOf(await askAgainAfterReset(theirs, step));
    for (const what of compared(ourFacts, theirFacts)) {
      const [our = "(none)", their = "(none)"] = [ourFacts.get(what), theirFacts.get(what)];
      if (our === their) continue;
      const { title } = script;
      found.push({
        script: title,
        step: position + 1,
        ask: step.ask,
        what,
        ours: our,
        theirs: their,
      });
    }
  }
  return found;
}

/**
 * Debian's docker-registry refuses a large body without reading the rest, and once in some thousand
 * times its reset overtakes the answer. Ours has to read on, so it is asked only once.
 */
async function askAgainAfterReset(registry: Conversation, step: Step): Promise<Answer> {
  try {
    return await registry.ask(step);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
    return registry.ask(step);
  }
}

/** Answers of another status have nothing else in common. */
function compared(ours: Map<string, string>, theirs: Map<string, string>): Set<string> {
  if (ours.get("status") !== theirs.get("status")) return new Set(["status"]);
  return new Set([...ours.keys(), ...theirs.keys()]);
}

/** What an answer says, with what differs between any two servers taken out. */
function factsOf({ status, headers, body }: Answer): Map<string, string> {
  const facts = new Map([["status", String(status)]]);
  for (const [name, value] of Object.entries(headers)) {
    if (!/^(?:date|connection|keep-alive)$/.test(name)) facts.set(name, plain(String(value)));
  }
  const length = headers["content-length"];
  if (length !== undefined) {
    facts.set("content-length", length === String(body.byteLength) ? "exact" : "wrong");
  }
  facts.set("body", status >= 400 ? errorCodes(body) : bodyOf(headers, body));
  return facts;
}

/** Each registry explains in its own words. */
function errorCodes(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors: { code: string }[] };
    return errors.map(({ code }) => code).join(", ");
  } catch {
    return "no envelope";
  }
}

function bodyOf(headers: Answer["headers"], body: Buffer): string {
  const type = String(headers["content-type"] ?? "");
  // Some end their JSON with a line feed; what is stored is compared byte for byte.
  return type.startsWith("application/json") ? body.toString().trimEnd() : body.toString("latin1");
}

function plain(text: string): string {
  return text
    .replace(/https?:\/\/127\.0\.0\.1:\d+/g, "")
    .replace(/\/blobs\/uploads\/[^"?>]+(?:\?_state=[^"&>]*)?/g, "/blobs/uploads/SESSION")
    .replace(/^[0-9a-f-]{36}$|^[0-9a-f]{8}-[0-9a-f]{32}-sha\d+-[0-9a-z]+-[0-9a-f]{32}$/, "SESSION");
}
