/**
 * The names that DC/OS' layer-4 load balancer gives a service.
 *
 * The rule is the one of dcos-net, word for word, because a name that differs by one letter
 * resolves nowhere and is in nobody's certificate.
 */

/** Longest label that the load balancer keeps. */
const labelLength = 63;

/**
 * Turns a VIP's name into its DNS form: `/my/custom/dcos-registry` → `mycustomdcos-registry`,
 * `my_db.v2` → `my-db.v2`. Fragments between dots are treated one by one; one of which nothing is left
 * disappears, since DNS has no empty label.
 */
export function l4lbLabel(name: string): string {
  return name
    .split(".")
    .map(fragmentLabel)
    .filter((label) => label !== "")
    .join(".");
}

function fragmentLabel(fragment: string): string {
  const kept = fragment
    .toLowerCase()
    .replace(/_/g, "-")
    .replace(/[^a-z0-9-]/g, "")
    .replace(/^-+/, "");
  return kept.slice(0, labelLength).replace(/-+$/, "");
}

/** `dcos-registry` of Marathon → `dcos-registry.marathon.l4lb.thisdcos.directory`. */
export function l4lbName(
  service: string,
  zone: "directory" | "global" = "directory",
  framework = "marathon",
): string {
  return `${l4lbLabel(service)}.${l4lbLabel(framework)}.l4lb.thisdcos.${zone}`;
}
