/**
 * The format of a Marathon app, as far as a service of ours uses it, as a JSON schema.
 *
 * Written from Marathon's documentation of apps, networking, persistent volumes, secrets, health
 * checks and upgrade strategies (1.5 and later): unknown fields are refused, as Marathon does. What
 * one field says about another, which a schema cannot tell readably, follows as rules.
 */
import { Ajv } from "ajv";

const text = { type: "string", minLength: 1 };
const count = { type: "integer", minimum: 0 };
const labels = { type: "object", additionalProperties: { type: "string" } };
const share = { type: "number", minimum: 0, maximum: 1 };
const closed = (required: readonly string[], properties: object) => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});

const portMapping = closed(["containerPort"], {
  name: { type: "string", pattern: "^[a-z0-9-]{1,63}$" },
  containerPort: { type: "integer", minimum: 0, maximum: 65535 },
  hostPort: { type: "integer", minimum: 0, maximum: 65535 },
  protocol: { enum: ["tcp", "udp", "udp,tcp"] },
  labels,
});

const pathConstraint = {
  type: "array",
  minItems: 2,
  maxItems: 3,
  items: { type: "string", minLength: 1 },
};

const persistent = closed(["size"], {
  type: { enum: ["root", "path", "mount"] },
  size: { type: "integer", minimum: 1 },
  maxSize: count,
  constraints: { type: "array", items: pathConstraint },
});

const volumes = {
  oneOf: [
    closed(["containerPath", "hostPath", "mode"], {
      containerPath: text,
      hostPath: text,
      mode: { enum: ["RO", "RW"] },
    }),
    closed(["containerPath", "persistent", "mode"], {
      // Relative to the sandbox, one level deep.
      containerPath: { type: "string", pattern: "^(?!\\.{1,2}$)[^/]+$" },
      persistent,
      mode: { enum: ["RO", "RW"] },
    }),
    closed(["containerPath", "secret"], { containerPath: text, secret: text }),
  ],
};

const healthCheck = closed(["protocol", "command"], {
  protocol: { const: "COMMAND" },
  command: closed(["value"], { value: text }),
  gracePeriodSeconds: count,
  intervalSeconds: count,
  timeoutSeconds: count,
  maxConsecutiveFailures: count,
  delaySeconds: count,
});

const idPart = "(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])";

const schema = closed(["id", "cpus", "mem", "container"], {
  id: { type: "string", pattern: `^/?${idPart}(?:/${idPart})*$` },
  instances: count,
  cpus: { type: "number", exclusiveMinimum: 0 },
  mem: { type: "number", minimum: 32 },
  disk: { type: "number", minimum: 0 },
  user: text,
  cmd: text,
  args: { type: "array", items: { type: "string" } },
  env: {
    type: "object",
    additionalProperties: {
      oneOf: [{ type: "string" }, closed(["secret"], { secret: text })],
    },
  },
  secrets: { type: "object", additionalProperties: closed(["source"], { source: text }) },
  networks: {
    type: "array",
    items: closed(["mode"], {
      mode: { enum: ["host", "container", "container/bridge"] },
      name: text,
      labels,
    }),
  },
  container: closed(["type"], {
    type: { enum: ["MESOS", "DOCKER"] },
    docker: closed(["image"], { image: text, forcePullImage: { type: "boolean" } }),
    portMappings: { type: "array", items: portMapping },
    volumes: { type: "array", items: volumes },
  }),
  constraints: {
    type: "array",
    items: {
      type: "array",
      minItems: 2,
      maxItems: 3,
      items: [
        text,
        { enum: ["UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS"] },
        text,
      ],
    },
  },
  upgradeStrategy: closed(["minimumHealthCapacity", "maximumOverCapacity"], {
    minimumHealthCapacity: share,
    maximumOverCapacity: share,
  }),
  unreachableStrategy: {
    oneOf: [
      { const: "disabled" },
      closed(["inactiveAfterSeconds", "expungeAfterSeconds"], {
        inactiveAfterSeconds: count,
        expungeAfterSeconds: count,
      }),
    ],
  },
  taskKillGracePeriodSeconds: count,
  healthChecks: { type: "array", items: healthCheck },
  labels,
});

export interface MarathonApp {
  readonly id: string;
  readonly instances: number;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, { readonly source: string }>>;
  readonly container: {
    readonly volumes: readonly {
      readonly containerPath: string;
      readonly hostPath?: string;
      readonly persistent?: object;
      readonly secret?: string;
    }[];
    readonly portMappings: readonly { readonly containerPort: number }[];
  };
  readonly upgradeStrategy: {
    readonly minimumHealthCapacity: number;
    readonly maximumOverCapacity: number;
  };
  readonly healthChecks: readonly { readonly command: { readonly value: string } }[];
}

const validate = new Ajv({ allErrors: true, strictTuples: false }).compile<MarathonApp>(schema);

/** Why Marathon would refuse the app; empty when it would not. */
export function appProblems(app: unknown): string[] {
  if (!validate(app)) {
    return (validate.errors ?? []).map((each) => `${each.instancePath} ${each.message}`);
  }
  return rules.flatMap(([problem, holds]) => (holds(app) ? [] : [problem]));
}

const rules: readonly (readonly [string, (app: MarathonApp) => boolean])[] = [
  [
    "a secret is used that is not declared",
    ({ secrets, container }) =>
      container.volumes.every(({ secret }) => secret === undefined || secret in secrets),
  ],
  [
    "a secret is declared that nothing uses",
    ({ secrets, container }) =>
      Object.keys(secrets).every((name) => container.volumes.some(({ secret }) => secret === name)),
  ],
  [
    "two volumes have one path",
    ({ container: { volumes } }) =>
      new Set(volumes.map(({ containerPath }) => containerPath)).size === volumes.length,
  ],
  [
    "two ports are one",
    ({ container: { portMappings } }) =>
      new Set(portMappings.map(({ containerPort }) => containerPort)).size === portMappings.length,
  ],
  [
    "an app with a persistent volume must stop before its successor starts",
    ({ container, upgradeStrategy }) =>
      !container.volumes.some(({ persistent: it }) => it !== undefined) ||
      upgradeStrategy.maximumOverCapacity === 0,
  ],
  [
    "a relative host path names no volume of the sandbox",
    ({ container: { volumes } }) =>
      volumes.every(
        ({ hostPath = "/" }) =>
          hostPath.startsWith("/") ||
          hostPath === "scratch" ||
          volumes.some(({ containerPath, persistent: it }) => it && containerPath === hostPath),
      ),
  ],
];
