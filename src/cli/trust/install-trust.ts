/**
 * Puts trust files in place, and the commands that do the same by hand.
 *
 * Files appear by rename, so that no program ever reads half of one; what is right already is left alone.
 */
import { execFile } from "node:child_process";
import { lstat, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { TrustPlace } from "./trust-places.ts";

export type Installed = "written" | "unchanged";

/** @param root what stands for `/` */
export async function installTrust(place: TrustPlace, root: string): Promise<Installed> {
  const target = path.join(root, place.file);
  const written = await writeChanged(target, place.content);
  const linked = place.hashed ? await linkByHash(target) : false;
  return written || linked ? "written" : "unchanged";
}

async function writeChanged(target: string, content: string): Promise<boolean> {
  const current = await readFile(target, "utf8").catch(() => undefined);
  if (current === content) return false;
  await mkdir(path.dirname(target), { recursive: true, mode: 0o755 });
  const partial = `${target}.${process.pid}.partial`;
  try {
    await writeFile(partial, content, { mode: 0o644 });
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
  return true;
}

/** What OpenSSL names links to a certificate after. @throws when there is no openssl, or no certificate */
export async function subjectHash(file: string): Promise<string> {
  const { stdout } = await promisify(execFile)("openssl", ["x509", "-hash", "-noout", "-in", file]);
  return stdout.trim();
}

/** curl finds a certificate by the hash of its subject; equal hashes are told apart by the number. */
async function linkByHash(file: string): Promise<boolean> {
  const hash = await subjectHash(file);
  for (let number = 0; ; number += 1) {
    const link = path.join(path.dirname(file), `${hash}.${number}`);
    const found = await lstat(link).catch(() => undefined);
    if (found === undefined) {
      await symlink(path.basename(file), link);
      return true;
    }
    if (found.isSymbolicLink() && (await readlink(link)) === path.basename(file)) return false;
  }
}

/** Shell commands that put the place in order, with `ca` as the CA's file. */
export function commandsFor({ program, file, content, hashed }: TrustPlace, ca: string): string[] {
  const directory = `sudo mkdir -p ${quoted(path.posix.dirname(file))}`;
  if (program === "containerd" && file.endsWith(".toml")) {
    return [directory, `sudo tee ${quoted(file)} >/dev/null <<'END'\n${content}END`];
  }
  if (!hashed) return [directory, `sudo cp ${quoted(ca)} ${quoted(file)}`];
  const folder = path.posix.dirname(file);
  const link = `"$(openssl x509 -hash -noout -in ${quoted(file)}).0"`;
  return [
    `sudo tee ${quoted(file)} >/dev/null <<'END'\n${content}END`,
    `sudo ln -sf ${quoted(path.posix.basename(file))} ${quoted(folder)}/${link}`,
  ];
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
