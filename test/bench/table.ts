/** `node dist/test/bench/table.js FILE`: the results that BENCH_JSON has left, as Markdown. */
import { readFile } from "node:fs/promises";
import { markdown, type Results } from "./results.ts";

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("which file?");
process.stdout.write(markdown(JSON.parse(await readFile(file, "utf8")) as Results));
