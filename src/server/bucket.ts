/** The bucket of the configuration: whom to trust, through which proxy, with whose keys. */
import type { SecureContext } from "node:tls";
import type { Logger } from "pino";
import type { BucketConfig, Config } from "../config.ts";
import { openAgent } from "../network/proxied-agent.ts";
import { loadTrust } from "../network/trust.ts";
import { openCredentialsFile } from "../storage/s3/credentials.ts";
import type { S3Options } from "../storage/s3/s3-options.ts";
import { observeS3 } from "./storage-metrics.ts";

const connectMs = 5000;

/** @throws {CaFileUnreadable | ProxyInvalid | S3CredentialsInvalid} */
export async function bucketOptions(
  s3: BucketConfig,
  { outgoing }: Pick<Config, "outgoing">,
  log: Logger,
): Promise<S3Options> {
  const { credentialsFile: file, profile } = s3;
  const onError = (error: unknown): void => log.error({ err: error }, "S3 keys not reloaded");
  const scheme = s3.endpoint?.startsWith("http:") ? "http" : "https";
  const trust = scheme === "https" ? await trustOf(outgoing) : undefined;
  const tls = { timeout: connectMs, ...(trust && { secureContext: trust }) };
  return {
    bucket: s3.bucket,
    path: s3.path,
    region: s3.region,
    forcePathStyle: s3.forcePathStyle,
    ...(s3.endpoint !== undefined && { endpoint: s3.endpoint }),
    ...(file !== undefined && {
      credentials: await openCredentialsFile({ file, profile, onError }),
    }),
    connect: (connections, received) => {
      const onread = scheme === "http" && received?.onread;
      const connect = { ...tls, ...(onread && { onread }) };
      return openAgent({ scheme, environment: outgoing.environment, tls: connect, connections });
    },
    observe: observeS3,
  };
}

function trustOf({ ca, environment }: Config["outgoing"]): Promise<SecureContext> {
  return loadTrust({ caFile: ca, environment, workingDirectory: "/" });
}
