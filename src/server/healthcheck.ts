/**
 * `dcos-registry-server healthcheck`: asks the server of this machine whether it serves, for DC/OS'
 * command health check. Configured by the same variables, file and flags as the server itself.
 *
 * Whoever fails it is restarted, so it fails only when nothing can be served; what is wrong beside
 * that, such as a full disk, is for `/health` and those who read it.
 */
import { request } from "node:https";
import type { Config, ListenAddress } from "../config.ts";

export interface Health {
  readonly serving: boolean;
  /** One line for the log of the health check. */
  readonly message: string;
}

const defaultPatienceMs = 10_000;

export async function checkHealth(
  { listen }: Pick<Config, "listen">,
  patienceMs = defaultPatienceMs,
): Promise<Health> {
  try {
    const status = await statusOf(listen, patienceMs);
    return { serving: status === 200, message: `/health answers ${status}` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { serving: false, message: `no answer from /health: ${code ?? message}` };
  }
}

function statusOf({ host, port }: ListenAddress, patienceMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(
      // Its certificate is for the names that others use; this is the machine itself.
      { host: reachable(host), port, path: "/health", rejectUnauthorized: false, agent: false },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
        answer.on("error", reject);
      },
    );
    const timer = setTimeout(() => asking.destroy(new Error("it took too long")), patienceMs);
    asking.on("close", () => clearTimeout(timer));
    asking.on("error", reject);
    asking.end();
  });
}

/** A server that listens everywhere listens here too. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
