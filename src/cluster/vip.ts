/**
 * The named VIPs of Marathon apps: which service stands behind which load-balanced name.
 *
 * Two services whose names differ in letters that the name rule drops share one VIP, and each gets a part of
 * the other's requests without anybody noticing; this finds them.
 */
import { l4lbLabel } from "./l4lb-name.ts";

export interface NamedVip {
  /** As it stands in the label, a leading slash left out: `my/custom/dcos-registry`. */
  readonly name: string;
  readonly port: number;
}

/**
 * @param value of a port label, such as `/dcos-registry:443`
 * @returns undefined for a VIP that is an address (`10.0.0.1:443`), and for what is none
 */
export function parseNamedVip(value: string): NamedVip | undefined {
  const [, name, port] = /^\/(.+):(\d{1,5})$/s.exec(value) ?? [];
  return name === undefined ? undefined : { name, port: Number(port) };
}

/** The load balancer takes every label of a port whose key begins so. */
export function isVipLabel(key: string): boolean {
  return /^(?:VIP|vip)/.test(key);
}

/** Whether requests to one reach the other. */
export function collide(one: NamedVip, other: NamedVip): boolean {
  return one.port === other.port && l4lbLabel(one.name) === l4lbLabel(other.name);
}
