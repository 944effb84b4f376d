/**
 * What a registry can be asked: the routes below `/package`, and `/health`.
 *
 * One method a route: sends the question, checks the answer. Knows the routes, and leaves the
 * network to the transport.
 */
import { type UploadLimits, type UploadSource, uploadBundle } from "./bundle-upload.ts";
import type { Connection } from "./connection.ts";
import {
  type Answered,
  type DescribedPackage,
  describedPackageOf,
  type HealthCheckResult,
  healthOf,
  type ListedPackage,
  packagesOf,
} from "./registry-answer.ts";
import type { Answer } from "./registry-refusal.ts";
import { RegistryTransport, type TransportOptions } from "./registry-transport.ts";

export interface ClientOptions extends TransportOptions, UploadLimits {}

/** For answers that need no validation of gigabytes. */
const answerTimeoutMs = 60_000;

export class RegistryClient {
  readonly #transport: RegistryTransport;
  readonly #limits: UploadLimits;

  constructor(connection: Connection, options: ClientOptions) {
    this.#transport = new RegistryTransport(connection, options);
    this.#limits = options;
  }

  /** @returns after the registry has validated and published the package */
  async add(
    bundle: UploadSource,
    signal: AbortSignal,
  ): Promise<Answered<readonly ListedPackage[]>> {
    return packagesOf(await uploadBundle(this.#transport, bundle, this.#limits, signal));
  }

  async describe(
    name: string,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<Answered<DescribedPackage>> {
    const question = {
      packageName: name,
      ...(version !== undefined && { packageVersion: version }),
    };
    return describedPackageOf(await this.#ask("package/describe", question, signal));
  }

  async list(signal: AbortSignal): Promise<Answered<readonly ListedPackage[]>> {
    return packagesOf(await this.#ask("package/list", {}, signal));
  }

  async remove(
    name: string,
    version: string,
    signal: AbortSignal,
  ): Promise<Answered<readonly ListedPackage[]>> {
    const question = { packageName: name, packageVersion: version };
    return packagesOf(await this.#ask("package/remove", question, signal));
  }

  async health(signal: AbortSignal): Promise<Answered<readonly HealthCheckResult[]>> {
    const exchange = { method: "GET", route: "health", answerTimeoutMs, signal } as const;
    return healthOf(await this.#transport.exchange(exchange));
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #ask(route: string, question: object, signal: AbortSignal): Promise<Answer> {
    return this.#transport.exchange({
      method: "POST",
      route,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(question),
      answerTimeoutMs,
      signal,
    });
  }
}
