/** What tells, without reading it, that a file may hold something else than before. */
import { stat } from "node:fs/promises";

/** Changes whenever the file is written, replaced or reached through another link; a code where there is none. */
export async function fileState(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
