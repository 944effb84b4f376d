/**
 * Whether a user may use this service, as Admin Router decides it.
 *
 * The permission itself (`dcos:adminrouter:service:<name>`) can be asked for on masters only. So the service is
 * asked for something harmless through Admin Router with the user's own token: who gets an answer of ours is
 * let in there, and may do the same here. On clusters without permissions that is every user.
 */
import { ClusterRefusal } from "./cluster-error.ts";
import { type ClusterHttp, parseFields } from "./cluster-http.ts";

/** @param base where Admin Router answers; `service` has no slash in front */
export function servicePermission(
  base: () => Promise<URL>,
  http: ClusterHttp,
  service: string,
): (token: string) => Promise<boolean> {
  return async (token) => {
    const url = new URL(`/service/${service}/health`, await base()).href;
    const { status, body } = await http.exchange({ method: "GET", url, token });
    if (status === 401 || status === 403) return false;
    // Anything else could come from before the decision: a service that Admin Router does not find yet.
    if (status === 200 && parseFields(body)?.["checks"] !== undefined) return true;
    throw new ClusterRefusal(url, status, "that is no answer of this registry");
  };
}
