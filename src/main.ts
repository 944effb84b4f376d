#!/usr/bin/env node
/**
 * Entry of the server, `dcos-registry-server`: options, log, signals and exit code.
 *
 * Exit codes: 0 after an orderly end, 1 when it cannot serve, 2 for wrong options.
 */
import cluster from "node:cluster";
import { pino } from "pino";
import { ConfigInvalid, readInvocation } from "./config.ts";
import { banner } from "./server/banner.ts";
import { serve, serveAsWorker } from "./server/serve.ts";

// What Node this product needs it says itself; the AWS client must not say it on every start.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

process.exitCode = await main();

async function main(): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stop.abort());
  try {
    const invocation = readInvocation(process.argv.slice(2), process.env);
    if (invocation.action === "print") {
      process.stdout.write(invocation.text);
      return 0;
    }
    const { config } = invocation;
    const log = pino(
      { level: config.logLevel, base: null },
      pino.destination({ dest: 2, sync: false }),
    );
    if (cluster.isWorker) await serveAsWorker(config, log, stop.signal);
    else await serve(config, log, (served) => process.stdout.write(banner(served)), stop.signal);
    return 0;
  } catch (error) {
    return report(error);
  }
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
