/** Reads a small text file that the user has named. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileProblem } from "../network/file-problem.ts";
import { FileUnreadable } from "./cli-error.ts";
import type { CliContext } from "./context.ts";

/**
 * @param file as typed; stands so in messages
 * @throws {FileUnreadable}
 */
export async function readText(file: string, { workingDirectory }: CliContext): Promise<string> {
  try {
    return await readFile(path.resolve(workingDirectory, file), "utf8");
  } catch (cause) {
    throw new FileUnreadable(fileProblem(cause), { where: file, cause });
  }
}
