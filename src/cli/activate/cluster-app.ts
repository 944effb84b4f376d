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

/** Another service behind one of the names of this one. */
export interface Collision {
  /** Of the other service. */
  readonly id: string;
  /** What both are known by. */
  readonly name: string;
}

/**
 * Services that the load balancer takes for this one: their names differ, their labels do not.
 *
 * @param names of the service, the one that it had before included
 */
export function collisions(
  service: string,
  names: readonly string[],
  apps: readonly ClusterApp[],
): Collision[] {
  const others = apps.filter(({ id }) => id !== service);
  return names.flatMap((name) =>
    others
      .filter(({ vips }) => vips.some((one) => collide(one, { name, port: 443 })))
      .map(({ id }) => ({ id, name })),
  );
}
