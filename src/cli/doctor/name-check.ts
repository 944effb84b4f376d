/** Whether the service is there, and alone behind its load-balanced name. */
import { l4lbName } from "../../cluster/l4lb-name.ts";
import { collide } from "../../cluster/vip.ts";
import { type ClusterApp, collisions } from "../activate/cluster-app.ts";
import { type Check, type DoctorFinding, found, foundOr, skipped } from "./check.ts";

const productPackage = "package-registry";

export const nameCheck: Check = {
  name: "name",
  async run(subject) {
    const { service } = subject.place;
    if (service === undefined) {
      return skipped("only an address is known; --name SERVICE names the service");
    }
    if (subject.cluster === undefined) return skipped("no cluster is attached");
    const apps = await subject.apps();
    const own = apps.find(({ id }) => id === service);
    if (own === undefined) return notInstalled(service, apps);
    const missing = ownVip(service, own);
    const findings = [...missing, ...shared(service, own, apps)];
    return foundOr(findings, `${service} is ${l4lbName(service)}`);
  },
};

function notInstalled(service: string, apps: readonly ClusterApp[]) {
  const other = apps.find(({ packageName }) => packageName === productPackage);
  const fix = other === undefined ? "dcos-registry activate" : `--name=${other.id} names the one`;
  const there = other === undefined ? "" : `, but ${other.id}`;
  return found(`the cluster has no service ${service}${there}`, fix);
}

function ownVip(service: string, { vips }: ClusterApp): DoctorFinding[] {
  const vip = { name: service, port: 443 };
  if (vips.some((one) => collide(one, vip))) return [];
  const problem = `no port of ${service} has the VIP /${service}:443, so ${l4lbName(service)} leads nowhere`;
  return [{ problem, fix: `give its port the label "VIP_0": "/${service}:443"` }];
}

/** Under its own name, and under the one that it had before, which stands in its labels only. */
function shared(
  service: string,
  { vips }: ClusterApp,
  apps: readonly ClusterApp[],
): DoctorFinding[] {
  const labels = vips.filter(({ port }) => port === 443).map(({ name }) => name);
  return collisions(service, [...new Set([service, ...labels])], apps).map(({ id, name }) => ({
    problem: `service ${id} has the name ${l4lbName(name)} too: each of the two gets a part of the other's requests`,
    fix:
      name === service
        ? `rename one of them; "/" does not count in these names, and "_" counts as "-"`
        : `remove service ${id} if ${service} has taken its place, else take the option service.former-name back`,
  }));
}
