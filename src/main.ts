#!/usr/bin/env node
/**
 * Entry of the server, `dcos-registry-server`: options, log, signals and exit code.
 *
 * Exit codes: 0 after an orderly end, 1 when it cannot serve, 2 for wrong options; `healthcheck` ends
 * with 1 when the server does not serve; a migration that was interrupted ends with 130.
 */
import cluster from "node:cluster";
import { pino } from "pino";
import { ConfigInvalid, loadConfig, readInvocation } from "./config.ts";
import { banner, type Served } from "./server/banner.ts";
import { readCommandWords } from "./server/command-words.ts";
import { serve } from "./server/serve.ts";

// What Node this product needs it says itself; the AWS client must not say it on every start.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/** Under load a line is no write of its own; what is left at the end is written then. */
const logBatches = { minLength: 4096, periodicFlush: 100 };

process.exitCode = await main();

async function main(): Promise<number> {
  const command = readCommandWords(process.argv.slice(2));
  try {
    switch (command.name) {
      case "healthcheck":
        return await healthcheck(command.options);
      case "migrate-storage":
        return await migrate(command.options);
      case "purge-tombstones":
        return await purge(command.options);
      case "run":
        return await run(command.options);
      case "serve":
        return await run(command.options, command.files);
      case "unknown":
        process.stderr.write(`Error: ${command.text}\n`);
        return 2;
    }
  } catch (error) {
    return report(error);
  }
}

async function healthcheck(options: readonly string[]): Promise<number> {
  const { checkHealth } = await import("./server/healthcheck.ts");
  const { serving, message } = await checkHealth(loadConfig(options, process.env));
  process.stdout.write(`${message}\n`);
  return serving ? 0 : 1;
}

/** @param files bundles to serve as they are, instead of a storage */
async function run(options: readonly string[], files?: readonly string[]): Promise<number> {
  const stop = stopSignal();
  const invocation = readInvocation(options, process.env);
  if (invocation.action === "print") {
    process.stdout.write(invocation.text);
    return 0;
  }
  const { config } = invocation;
  const log = pino(
    { level: config.logLevel, base: cluster.worker ? { worker: cluster.worker.id } : null },
    pino.destination({ dest: 2, sync: false, ...logBatches }),
  );
  const started = (served: Served): unknown => process.stdout.write(banner(served));
  if (cluster.isWorker) {
    const { serveAsWorker } = await import("./server/serve-as-worker.ts");
    await serveAsWorker(config, log, stop);
  } else if (files) {
    const { serveBundles } = await import("./server/serve-bundles.ts");
    await serveBundles(config, files, log, started, stop);
  } else await serve(config, log, started, stop);
  return 0;
}

async function migrate(options: readonly string[]): Promise<number> {
  const stop = stopSignal();
  const { stdout, stderr, env: environment } = process;
  try {
    const { migrateStorage } = await import("./server/migrate-storage.ts");
    const log = pino({ level: "warn", base: null }, pino.destination({ dest: 2, sync: true }));
    await migrateStorage(options, { environment, stdout, stderr, signal: stop, log });
    return 0;
  } catch (error) {
    if (!stop.aborted || !(error instanceof Error && error.name === "AbortError")) throw error;
    process.stderr.write("Interrupted; run the same command again, or with --cancel\n");
    return 130;
  }
}

/** Broken off at any point, it can be run again. */
async function purge(options: readonly string[]): Promise<number> {
  const { stdout, env: environment } = process;
  const { purgeStorage } = await import("./server/purge-tombstones.ts");
  await purgeStorage(options, { environment, stdout, signal: stopSignal() });
  return 0;
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stop.abort());
  return stop.signal;
}

function report(error: unknown): number {
  if (error instanceof ConfigInvalid) {
    for (const { message } of error.problems) process.stderr.write(`Error: ${message}\n`);
    process.stderr.write("See dcos-registry-server --help\n");
    return 2;
  }
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Error: ${text}\n`);
  if (!(error instanceof Error && "code" in error))
    process.stderr.write(`${(error as Error).stack}\n`);
  return 1;
}
