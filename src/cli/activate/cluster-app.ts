/** What is looked at of an app of Marathon: its named VIPs, and where its tasks run. */
import { collide, isVipLabel, type NamedVip, parseNamedVip } from "../../cluster/vip.ts";
import { arrayOf, fieldsOf, textOf } from "../json-fields.ts";

export interface ClusterApp {
  /** Without the leading slash. */
  readonly id: string;
  readonly vips: readonly NamedVip[];
  /** Addresses of the agents that run its tasks. */
  readonly hosts: readonly string[];
  /** The Catalog package that it was installed from. */
  readonly packageName: string | undefined;
}

/** Ports stand in one of four places, after the kind of the app's network. */
export function clusterAppOf(app: unknown): ClusterApp {
  const { id, labels, tasks, portDefinitions, container, ipAddress } = fieldsOf(app);
  const { portMappings, docker } = fieldsOf(container);
  const places = [
    portDefinitions,
    portMappings,
    fieldsOf(docker)["portMappings"],
    fieldsOf(fieldsOf(ipAddress)["discovery"])["ports"],
  ];
  return {
    id: (textOf(id) ?? "").replace(/^\//, ""),
    vips: places.flatMap(arrayOf).flatMap(vipsOf),
    hosts: arrayOf(tasks)
      .map((task) => textOf(fieldsOf(task)["host"]))
      .filter((host) => host !== undefined),
    packageName: textOf(fieldsOf(labels)["DCOS_PACKAGE_NAME"]),
  };
}

function vipsOf(port: unknown): NamedVip[] {
  return Object.entries(fieldsOf(fieldsOf(port)["labels"])).flatMap(([key, value]) => {
    const vip = isVipLabel(key) ? parseNamedVip(textOf(value) ?? "") : undefined;
    return vip === undefined ? [] : [vip];
  });
}

/** Ids of the other services that the load balancer takes for this one: their names differ, their labels do not. */
export function collidingApps(service: string, apps: readonly ClusterApp[]): string[] {
  const vip = { name: service, port: 443 };
  return apps
    .filter(({ id, vips }) => id !== service && vips.some((one) => collide(one, vip)))
    .map(({ id }) => id);
}
