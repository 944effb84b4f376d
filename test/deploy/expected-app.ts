/**
 * The app that options ask for, put together from the words of the options' descriptions.
 *
 * Written beside the template and without mustache, so that a slip in one of them shows.
 */
import { servedImage } from "./catalog-package.ts";

export const storageModes = ["local", "container-path", "host-path", "mount-disk", "s3"] as const;
export type StorageMode = (typeof storageModes)[number];

/** Option of a secret → what of it the app carries. */
export const secrets = {
  "service-account-secret-path": [
    "serviceAccount",
    "service-account.json",
    "DCOS_SERVICE_ACCOUNT_CREDENTIAL",
  ],
  "token-secret-path": ["token", "token", "DCOS_REGISTRY_TOKEN_FILE"],
  "htpasswd-secret-path": ["htpasswd", "htpasswd", "DCOS_REGISTRY_HTPASSWD"],
  "tls.cert-secret-path": ["certificate", "tls.crt", "DCOS_REGISTRY_TLS_CERT"],
  "tls.key-secret-path": ["key", "tls.key", "DCOS_REGISTRY_TLS_KEY"],
  "tls.ca-secret-path": ["chain", "tls-ca.crt", "DCOS_REGISTRY_TLS_CA"],
  "ca-secret-path": ["roots", "ca.crt", "DCOS_REGISTRY_CA"],
  "s3.credential-secret-path": [
    "s3Credentials",
    "s3-credentials",
    "DCOS_REGISTRY_S3_CREDENTIALS_FILE",
  ],
} as const;
export type SecretOption = keyof typeof secrets;

export interface Wish {
  readonly storage: StorageMode;
  readonly name: string;
  readonly instances: number;
  readonly secrets: readonly SecretOption[];
  readonly pinned?: string;
  readonly metrics?: boolean;
}

const volumesOf: Readonly<Record<StorageMode, readonly object[]>> = {
  local: [
    own("data"),
    { containerPath: "data", mode: "RW", persistent: { type: "root", size: 4096 } },
  ],
  "container-path": [own("/dcos/package-registry")],
  "host-path": [own("/srv/registry")],
  "mount-disk": [
    own("data"),
    {
      containerPath: "data",
      mode: "RW",
      persistent: { type: "mount", size: 4096, constraints: [["path", "LIKE", "/dcos/volume.*"]] },
    },
  ],
  s3: [own("scratch")],
};

const optionsOf: Readonly<Record<StorageMode, Readonly<Record<string, object>>>> = {
  local: {},
  "container-path": { "mount-volume": { "container-path": "package-registry" } },
  "host-path": { "mount-volume": { "container-path": "other", "host-path": "/srv/registry" } },
  "mount-disk": { "mount-volume": { "mount-disk": true, "mount-disk-path": "/dcos/volume.*" } },
  s3: { s3: { bucket: "images", path: "a/b", endpoint: "https://s3.example:9000" } },
};

function own(hostPath: string): object {
  return { containerPath: "/var/lib/dcos-registry", hostPath, mode: "RW" };
}

/** The options file of `dcos package install`. */
export function optionsFor(wish: Wish): Record<string, Record<string, unknown>> {
  const { storage, name, instances, pinned, metrics } = wish;
  const registry: Record<string, unknown> = structuredClone(optionsOf[storage]);
  const set = (path: string, value: unknown) => {
    const [group = "", inner] = path.split(".");
    if (inner === undefined) registry[group] = value;
    else registry[group] = { ...(registry[group] as object | undefined), [inner]: value };
  };
  for (const option of wish.secrets) set(option, sourceOf(option));
  if (pinned !== undefined) set("mount-volume.pinned-hostname", pinned);
  if (metrics !== undefined) set("metrics.enabled", metrics);
  return { service: { name, instances, cpus: 0.5, mem: 512, disk: 4096 }, registry };
}

function sourceOf(option: SecretOption): string {
  return `folder/"${option}"`;
}

export function expectedApp(wish: Wish): object {
  const { storage, name, instances, pinned, metrics = true } = wish;
  const shared = storage === "s3";
  const given = wish.secrets.map((option) => [option, ...secrets[option]] as const);
  const once = shared ? 1 : 0;
  return {
    id: name,
    instances: shared ? instances : 1,
    cpus: 0.5,
    mem: 512,
    disk: 256,
    user: "nobody",
    env: {
      ...serverEnvironment(wish),
      ...Object.fromEntries(
        given.map(([, , file, variable]) => [variable, `/mnt/mesos/sandbox/secrets/${file}`]),
      ),
    },
    secrets: Object.fromEntries(given.map(([option, key]) => [key, { source: sourceOf(option) }])),
    networks: [{ mode: "container/bridge" }],
    container: {
      type: "MESOS",
      docker: { image: servedImage },
      portMappings: portMappings(name, metrics),
      volumes: [
        ...volumesOf[storage],
        ...given.map(([, key, file]) => ({ containerPath: `secrets/${file}`, secret: key })),
      ],
    },
    constraints:
      pinned !== undefined
        ? [["hostname", "CLUSTER", pinned]]
        : shared
          ? [["hostname", "GROUP_BY"]]
          : [],
    upgradeStrategy: { minimumHealthCapacity: once, maximumOverCapacity: once },
    ...(!shared && { unreachableStrategy: "disabled" }),
    taskKillGracePeriodSeconds: 40,
    healthChecks: [
      {
        protocol: "COMMAND",
        command: { value: "dcos-registry-server healthcheck" },
        gracePeriodSeconds: 120,
        intervalSeconds: 30,
        timeoutSeconds: 20,
        maxConsecutiveFailures: 5,
      },
    ],
    labels: {
      ...(!shared && { MARATHON_SINGLE_INSTANCE_APP: "true" }),
      DCOS_SERVICE_NAME: name,
      DCOS_SERVICE_SCHEME: "https",
      DCOS_SERVICE_PORT_INDEX: "0",
      DCOS_SERVICE_REQUEST_BUFFERING: "false",
    },
  };
}

function portMappings(name: string, metrics: boolean): object[] {
  const common = { hostPort: 0, protocol: "tcp" };
  return [
    { name: "https", containerPort: 8443, ...common, labels: { VIP_0: `/${name}:443` } },
    ...(metrics
      ? [
          {
            name: "metrics",
            containerPort: 9090,
            ...common,
            labels: { DCOS_METRICS_FORMAT: "prometheus", DCOS_METRICS_ENDPOINT: "/metrics" },
          },
        ]
      : []),
  ];
}

/** What differs by the wish; defaults of single options are held elsewhere. */
function serverEnvironment({
  storage,
  name,
  instances,
  metrics = true,
}: Wish): Record<string, string> {
  return {
    DCOS_REGISTRY_LISTEN: "0.0.0.0:8443",
    DCOS_REGISTRY_SERVICE_NAME: name,
    DCOS_REGISTRY_STORAGE: "/var/lib/dcos-registry",
    DCOS_REGISTRY_METRICS_LISTEN: metrics ? "0.0.0.0:9090" : "",
    ...(storage === "s3" && {
      DCOS_REGISTRY_SERVICE_INSTANCES: String(instances),
    }),
  };
}
