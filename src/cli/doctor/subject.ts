/**
 * The registry that `doctor` looks at: where it should be, how to ask it, and the cluster around it.
 *
 * What several checks need is asked once. Nothing here changes anything, neither on this machine nor in the
 * cluster.
 */
import type { SecureContext } from "node:tls";
import type { ClusterApp } from "../activate/cluster-app.ts";
import type { DcosApi } from "../activate/dcos-api.ts";
import { fieldsOf, textOf } from "../json-fields.ts";
import { type HealthCheckResult, healthOf } from "../registry-answer.ts";
import type { Answer } from "../registry-refusal.ts";
import type { RegistryTransport } from "../registry-transport.ts";

/** What identifies it, as the options and the cluster say. */
export interface Place {
  /** Marathon id without the leading slash; undefined when only an address is known. */
  readonly service: string | undefined;
  /** Under which agents and Cosmos look for it. */
  readonly host: string;
  readonly port: number;
  /** What stands for `/` of this machine. */
  readonly root: string;
  /** Whether this machine is a node of a DC/OS cluster. */
  readonly onNode: boolean;
  /** PEM; undefined where only the system's roots are known. */
  readonly certificates: readonly string[] | undefined;
  /** Whom TLS trusts here; undefined for Node's own roots. */
  readonly trust: SecureContext | undefined;
  /** Addresses of a host; none when it is not known here. */
  readonly resolveHost: (host: string) => Promise<readonly string[]>;
  /** Of this command line. */
  readonly version: string | undefined;
}

export interface HealthAnswer {
  readonly checks: readonly HealthCheckResult[];
  /** The registry's version; older ones do not say it. */
  readonly version: string | undefined;
  /** Its clock, in ms since 1970, exact to the second. */
  readonly clock: number | undefined;
  /** This machine's clock before the question and after the answer. */
  readonly between: readonly [before: number, after: number];
}

const answerTimeoutMs = 30_000;

export class Subject {
  readonly place: Place;
  readonly signal: AbortSignal;
  /** Undefined when no cluster is attached. */
  readonly cluster: DcosApi | undefined;
  readonly #registry: RegistryTransport;
  #health: Promise<HealthAnswer> | undefined;
  #apps: Promise<readonly ClusterApp[]> | undefined;

  constructor(
    place: Place,
    registry: RegistryTransport,
    cluster: DcosApi | undefined,
    signal: AbortSignal,
  ) {
    this.place = place;
    this.#registry = registry;
    this.cluster = cluster;
    this.signal = signal;
  }

  /** `HOST`, with its port unless that is 443. */
  get authority(): string {
    const { host, port } = this.place;
    return port === 443 ? host : `${host}:${port}`;
  }

  /** Whatever is answered is an answer. @throws {RegistryUnreachable} */
  ask(route: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { signal } = this;
    return this.#registry.exchange({ method: "GET", route, headers, answerTimeoutMs, signal });
  }

  /** @throws {RegistryUnreachable} @throws {RegistryRefusal} @throws {NotARegistry} */
  health(): Promise<HealthAnswer> {
    this.#health ??= this.#askHealth();
    return this.#health;
  }

  /** @returns undefined when the registry does not answer, which the check of that name reports */
  answered(): Promise<HealthAnswer | undefined> {
    return this.health().catch(() => undefined);
  }

  /** Apps of the attached cluster. @throws {ClusterRefusal} @throws {RegistryUnreachable} */
  apps(): Promise<readonly ClusterApp[]> {
    this.#apps ??= this.cluster?.apps() ?? Promise.resolve([]);
    return this.#apps;
  }

  async #askHealth(): Promise<HealthAnswer> {
    const before = Date.now();
    const answer = await this.ask("health");
    const between = [before, Date.now()] as const;
    const { document, value } = healthOf(answer);
    const clock = Date.parse(answer.headers.get("date") ?? "");
    return {
      checks: value,
      version: versionIn(document),
      clock: Number.isNaN(clock) ? undefined : clock,
      between,
    };
  }
}

function versionIn(document: unknown): string | undefined {
  const { version } = fieldsOf(document);
  return textOf(version);
}
