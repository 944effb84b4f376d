/**
 * Keeps a running TLS server's certificate that of its files.
 *
 * Files are compared by polling, because that sees what file notifications miss: symbolic links
 * that are swapped (secrets of containers), network file systems, directories replaced. A change is
 * taken up only after it held still for one interval, so a key and a certificate that are written
 * one after the other are never mixed. Open connections go on with what they began with.
 */
import { stat } from "node:fs/promises";
import {
  type CredentialFiles,
  loadServerCredentials,
  type ServerCredentials,
} from "./server-credentials.ts";

export interface CredentialWatchOptions {
  readonly intervalMs?: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Called with each new certificate; typically `server.setSecureContext(tlsOptions(found))`. */
  readonly onChange: (found: ServerCredentials) => void;
  /** Called once for each state of the files that cannot be served; the old stays in use. */
  readonly onError: (error: unknown) => void;
}

/** Starts to watch `files`, whose present content `current` is already in use. */
export function watchServerCredentials(
  files: CredentialFiles,
  current: ServerCredentials,
  { intervalMs = 500, signal, onChange, onError }: CredentialWatchOptions,
): void {
  let handled: string | undefined;
  let last: string | undefined;
  let served = current;
  let looking = false;

  async function look(): Promise<void> {
    const seen = await stateOf(files);
    const settled = seen === last;
    last = seen;
    if (!settled || seen === handled) return;
    handled = seen;
    const found = await loadServerCredentials(files);
    if (signal.aborted || (found.chain === served.chain && found.key === served.key)) return;
    onChange(found);
    served = found;
  }

  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look()
      .catch(onError)
      .finally(() => {
        looking = false;
      });
  }, intervalMs).unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** Changes whenever a file is written, replaced or reached through another link. */
async function stateOf({ cert, key, ca }: CredentialFiles): Promise<string> {
  const states = [cert, key, ...(ca ? [ca] : [])].map(async (file) => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  });
  return (await Promise.all(states)).join("\n");
}
