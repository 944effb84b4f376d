import { open } from "node:fs/promises";

/** Makes new names in a directory durable. Windows cannot open directories, and needs no such thing. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EISDIR" || error.code === "EPERM") return undefined;
    throw error;
  });
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}
