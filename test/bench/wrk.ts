/**
 * Loads of many small requests, by wrk: one GET again and again, and pushes of small blobs.
 *
 * A push is two requests of which the second depends on the first answer. wrk's scripts see answers
 * for each thread only, so every connection has a thread of its own; the digests are made before.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { digestOf } from "../../src/oci/digest.ts";
import { output } from "../fixtures/program.ts";
import type { Contender } from "./contenders.ts";
import type { Done } from "./turns.ts";

export interface WrkOptions {
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: readonly string[];
}

/** @returns answered requests @throws when one was refused or a connection broke */
export async function wrkGet(
  { url }: Pick<Contender, "url">,
  target: string,
  { connections, seconds, headers = [] }: WrkOptions,
): Promise<Done> {
  const shape = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s"];
  const said = headers.flatMap((header) => ["-H", header]);
  return count(await output("wrk", [...shape, ...said, url + target]));
}

/** @returns ms in which 99 of 100 answers came */
export async function wrkLatency(
  { url }: Pick<Contender, "url">,
  target: string,
  { connections, seconds }: WrkOptions,
): Promise<number> {
  const shape = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s", "--latency"];
  const text = await output("wrk", [...shape, url + target]);
  count(text);
  const [, value = "", unit = ""] = /^\s*99%\s+([\d.]+)(us|ms|s)$/m.exec(text) ?? [];
  return Number(value) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN);
}

function count(text: string): Done {
  const [, requests = "", seconds = "", unit = ""] =
    /(\d+) requests in ([\d.]+)(m?s|m),/.exec(text) ?? [];
  if (requests === "" || /Non-2xx|Socket errors/.test(text)) throw new Error(`wrk: ${text}`);
  if (requests === "0") throw new Error(`wrk: nothing was answered in time: ${text}`);
  const scale = { s: 1, ms: 0.001, m: 60 }[unit] ?? Number.NaN;
  return { units: Number(requests), seconds: Number(seconds) * scale };
}

/** No registry stores as many small blobs in a second over one connection. */
const pushesPerSecond = 1000;
const size = 4096;

/** Pushes of 4 KiB blobs that nobody has seen, each by POST and PUT as containerd does. */
export class SmallPushes {
  readonly #directory: string;
  #turns = 0;

  /** @param directory of scripts and digests */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async run({ url }: Contender, connections: number, seconds: number): Promise<Done> {
    this.#turns += 1;
    const directory = path.join(this.#directory, `pushes-${this.#turns}`);
    await mkdir(directory, { recursive: true });
    for (let thread = 0; thread < connections; thread += 1) {
      const lines: string[] = [];
      for (let number = 0; number < seconds * pushesPerSecond; number += 1) {
        const seed = `${this.#turns}-${thread}-${number} `;
        lines.push(`${digestOf(Buffer.from(seed.padEnd(size, ".")))} ${seed}`);
      }
      await writeFile(path.join(directory, String(thread)), `${lines.join("\n")}\n`);
    }
    const script = path.join(directory, "push.lua");
    await writeFile(script, pushScript(directory));
    const shape = [`-t${connections}`, `-c${connections}`, `-d${seconds}s`, "--timeout", "30s"];
    const text = await output("wrk", [...shape, "-s", script, url]);
    const [, pushed = "0", refused = "1"] = /pushed (\d+), refused (\d+)/.exec(text) ?? [];
    if (refused !== "0") throw new Error(`wrk: ${text}`);
    return { units: Number(pushed), seconds: count(text).seconds };
  }
}

function pushScript(directory: string): string {
  return `
local threads = {}
function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end
function init()
  pushed, refused, location = 0, 0, nil
  blobs = io.lines("${directory}/" .. number)
end
function request()
  if location == nil then
    return wrk.format("POST", "/v2/bench/small/blobs/uploads/")
  end
  local digest, seed = blobs():match("^(%S+) (.*)$")
  local target = location:gsub("^https?://[^/]+", "")
  target = target .. (target:find("?", 1, true) and "&" or "?") .. "digest=" .. digest
  local body = seed .. string.rep(".", ${size} - #seed)
  return wrk.format("PUT", target, { ["Content-Type"] = "application/octet-stream" }, body)
end
function response(status, headers)
  if location == nil and status == 202 then
    location = headers["Location"] or headers["location"]
    return
  end
  if location ~= nil and status == 201 then pushed = pushed + 1 else refused = refused + 1 end
  location = nil
end
function done()
  local all, bad = 0, 0
  for _, thread in ipairs(threads) do
    all = all + thread:get("pushed")
    bad = bad + thread:get("refused")
  end
  print("pushed " .. all .. ", refused " .. bad)
end
`;
}
