/**
 * Plays a script against our registry and holds every answer against what the script expects, and
 * against what holds for all answers: exact lengths, the error envelope, HEAD equal to GET.
 */
import assert from "node:assert/strict";
import { type Answer, Conversation, type Expectation, type Script, type Step } from "./script.ts";

export async function play(script: Script, port: number, name: string): Promise<void> {
  const conversation = new Conversation(port, name);
  for (const [position, step] of script.steps.entries()) {
    const what = `step ${position + 1}, ${step.ask.slice(0, 200)}`;
    const answer = await conversation.ask(step);
    checkExpectation(what, answer, step.expect, (text) => conversation.fill(text));
    checkAlways(what, answer);
    if (step.ask.startsWith("GET ")) await checkHead(what, step, answer, conversation);
  }
}

/** @param fill replaces the placeholders of the script */
export function checkExpectation(
  what: string,
  answer: Answer,
  expected: Expectation,
  fill: (text: string) => string,
): void {
  const text = answer.body.toString("utf8", 0, 2000);
  const statuses = [expected.status].flat();
  assert.ok(
    statuses.includes(answer.status),
    `${what}: ${answer.status}, not ${statuses}: ${text}`,
  );
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    const found = answer.headers[name];
    if (value === null) assert.equal(found, undefined, `${what}: has ${name}`);
    else if (value instanceof RegExp) assert.match(String(found), value, `${what}: ${name}`);
    else assert.equal(String(found), fill(value), `${what}: ${name}`);
  }
  if (expected.body) assert.ok(expected.body.equals(answer.body), `${what}: other bytes: ${text}`);
  if (expected.json !== undefined) {
    const filled = JSON.parse(fill(JSON.stringify(expected.json))) as unknown;
    assert.deepEqual(JSON.parse(answer.body.toString()), filled, what);
  }
  if (expected.error) assert.equal(firstError(what, answer).code, expected.error, what);
}

/** What holds for every answer: the version header, an exact length, the error envelope. */
export function checkAlways(what: string, { status, headers, body }: Answer): void {
  assert.equal(headers["docker-distribution-api-version"], "registry/2.0", what);
  assert.equal(headers["transfer-encoding"], undefined, `${what}: chunked`);
  if (status !== 204 && status !== 304) {
    assert.equal(headers["content-length"], String(body.byteLength), `${what}: length`);
  }
  if (status < 400) return;
  assert.equal(headers["content-type"], "application/json", what);
  const { message, detail } = firstError(what, { status, headers, body });
  assert.ok(message, `${what}: no message`);
  assert.ok(typeof detail === "object" && detail !== null, `${what}: detail is ${detail}`);
}

function firstError(what: string, { body }: Answer) {
  const { errors } = JSON.parse(body.toString()) as {
    errors: { code: string; message: string; detail: unknown }[];
  };
  const [first] = errors;
  assert.ok(first, `${what}: no error in the envelope`);
  return first;
}

/** A Range header has no meaning in HEAD (RFC 9110 section 14.2). */
async function checkHead(what: string, step: Step, get: Answer, conversation: Conversation) {
  if (step.headers && Object.keys(step.headers).some((name) => /^range$/i.test(name))) return;
  const head = await conversation.ask(step, "HEAD");
  assert.equal(head.status, get.status, `${what}: HEAD`);
  assert.deepEqual(stable(head.headers), stable(get.headers), `${what}: HEAD`);
  assert.equal(head.body.byteLength, 0, `${what}: HEAD with a body`);
}

function stable(headers: Answer["headers"]): Answer["headers"] {
  const { date: _, ...others } = headers;
  return others;
}
