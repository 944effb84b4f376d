/**
 * The steps from a cluster without a registry to one whose first package repository it is.
 *
 * Each step looks first and leaves alone what is right, so a run that broke off is simply run again.
 */
import { createPublicKey, generateKeyPair } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { CliError } from "../cli-error.ts";
import { type Fields, parseFields, textOf } from "../json-fields.ts";
import { collisions } from "./cluster-app.ts";
import type { DcosApi } from "./dcos-api.ts";

export interface ActivationPlan {
  readonly packageName: string;
  /** Without a leading slash. */
  readonly service: string;
  /** That the service had before, and goes on being known by. */
  readonly formerName?: string;
  /** Of the service account. */
  readonly uid: string;
  readonly secretPath: string;
  /** For `dcos package install`. */
  readonly options: Fields;
  readonly repository: { readonly name: string; readonly uri: string };
  /** The cluster's login endpoint, as the service sees it. */
  readonly loginEndpoint: string;
  /** How long the service may take to become healthy. */
  readonly patienceMs: number;
  readonly pollMs: number;
}

export type StepOutcome = "done" | "there already";

export interface Step {
  /** What it does, for people. */
  readonly title: string;
  /** What to do when it fails. */
  readonly hint: string;
  run(): Promise<StepOutcome>;
}

/** The service did not become healthy in time, or the account does not fit its secret. */
export class ActivationStuck extends CliError {
  readonly code = "ACTIVATION_STUCK";
}

const caResource = "dcos:adminrouter:ops:ca:rw";

export function activationSteps(api: DcosApi, plan: ActivationPlan, signal: AbortSignal): Step[] {
  const { uid, secretPath, service, repository, packageName, options } = plan;
  return [
    {
      title: `Create service account ${uid} with a key of its own, and secret ${secretPath}`,
      hint: "it needs the rights to create users and secrets; a superuser has them",
      run: () => createAccount(api, plan),
    },
    {
      title: `Grant ${caResource} full to ${uid}`,
      hint: `dcos security org users grant ${uid} ${caResource} full`,
      run: async () => {
        await api.grant(caResource, uid, "full");
        return "done";
      },
    },
    {
      title: `Install package ${packageName} as service ${service}`,
      hint: `the package has to be in a repository of the cluster: dcos package search ${packageName}`,
      run: async () => {
        if (await api.hasApp(service)) return "there already";
        await refuseCollision(api, plan);
        await api.install(packageName, options);
        return "done";
      },
    },
    {
      title: `Wait until ${service} is healthy`,
      hint: `dcos task log ${service.split("/").at(-1)} shows what keeps it; then run activate again`,
      run: () => waitUntilHealthy(api, plan, signal),
    },
    {
      title: `Make ${repository.uri} the first package repository, ${repository.name}`,
      hint: `dcos package repo add --index=0 ${repository.name} ${repository.uri}`,
      run: () => addRepository(api, plan),
    },
  ];
}

/**
 * The secret comes first: from it a run that broke off gets the key again, while an account without its
 * secret is of no use to anybody.
 */
async function createAccount(api: DcosApi, plan: ActivationPlan): Promise<StepOutcome> {
  const { uid, secretPath } = plan;
  const [account, secret] = [await api.hasAccount(uid), await api.readSecret(secretPath)];
  if (account && secret !== undefined) return "there already";
  if (account) {
    const hint = `dcos security org service-accounts delete ${uid}, then run activate again`;
    const message = `there is service account ${uid}, but no secret ${secretPath} with its key`;
    throw new ActivationStuck(message, { hint });
  }
  const publicKey =
    secret === undefined ? await createSecret(api, plan) : publicKeyIn(secret, secretPath);
  await api.createAccount(uid, publicKey, "DC/OS Package Registry");
  return "done";
}

/** @returns the public key, PEM; the private one stands in the secret and nowhere else */
async function createSecret(api: DcosApi, plan: ActivationPlan): Promise<string> {
  const { uid, secretPath, loginEndpoint } = plan;
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const value = { scheme: "RS256", uid, private_key: privateKey, login_endpoint: loginEndpoint };
  await api.createSecret(secretPath, JSON.stringify(value));
  return publicKey;
}

function publicKeyIn(secret: string, path: string): string {
  try {
    const key = createPublicKey(textOf(parseFields(secret)?.["private_key"]) ?? "");
    return key.export({ type: "spki", format: "pem" }).toString();
  } catch {
    throw new ActivationStuck(`secret ${path} is there, and is not that of a service account`, {
      hint: "name another one in the options: registry.service-account-secret-path",
    });
  }
}

/** Installed all the same, each of the two services would get a part of the other's requests. */
async function refuseCollision(
  api: DcosApi,
  { service, formerName }: ActivationPlan,
): Promise<void> {
  const names = formerName === undefined ? [service] : [service, formerName];
  const [other] = collisions(service, names, await api.apps());
  if (other === undefined) return;
  const { id, name } = other;
  throw new ActivationStuck(`service ${id} has the load-balanced name of ${name} already`, {
    hint:
      name === service
        ? "choose another service.name in the options; its slashes do not count in that name"
        : `remove service ${id} first, or leave service.former-name out of the options`,
  });
}

async function waitUntilHealthy(
  api: DcosApi,
  { service, patienceMs, pollMs }: ActivationPlan,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const until = performance.now() + patienceMs;
  for (let first = true; ; first = false) {
    const { healthy, wanted } = await api.health(service);
    if (healthy > 0 && healthy >= wanted) return first ? "there already" : "done";
    if (performance.now() + pollMs > until) {
      throw new ActivationStuck(`${healthy} of ${wanted} instances are healthy`);
    }
    await delay(pollMs, undefined, { signal });
  }
}

async function addRepository(api: DcosApi, { repository }: ActivationPlan): Promise<StepOutcome> {
  const known = await api.repositories();
  if (known[0]?.uri === repository.uri) return "there already";
  const old = known.filter(({ name, uri }) => uri === repository.uri || name === repository.name);
  for (const each of old) await api.removeRepository(each);
  await api.addRepository(repository, 0);
  return "done";
}
