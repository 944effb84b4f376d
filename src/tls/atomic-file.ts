/** Small files that other processes may make or read at the same moment: whole or not there. */
import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";

/** @returns what is in the file afterwards, be it made here or by another process */
export async function createOnce(
  file: string,
  create: () => Promise<string>,
  mode: number,
): Promise<Buffer> {
  const present = await readIfPresent(file);
  if (present) return present;
  const staged = await stage(file, await create(), mode);
  try {
    await link(staged, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(staged, { force: true });
  }
  return readFile(file);
}

/** Undefined when there is no such file. */
export async function readIfPresent(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export async function replace(file: string, text: string, mode: number): Promise<void> {
  const staged = await stage(file, text, mode);
  try {
    await rename(staged, file);
  } finally {
    await rm(staged, { force: true });
  }
}

async function stage(file: string, text: string, mode: number): Promise<string> {
  const staged = `${file}.${randomUUID()}`;
  const handle = await open(staged, "wx", mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return staged;
}
