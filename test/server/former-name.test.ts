/** Protects what services were given under a name that the registry no longer has. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { after, before, describe, it } from "node:test";
import { l4lbName } from "../../src/cluster/l4lb-name.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const former = l4lbName("registry");

describe("a registry that was renamed", () => {
  let directory: string;
  let server: ServerProcess;
  before(async () => {
    directory = await makeScratch("former-name");
    const flags = ["--service-name=dcos-registry", "--service-former-name=registry"];
    server = await ServerProcess.start({ directory, flags });
  });
  after(async () => {
    await server.stop();
    await removeScratch(directory);
  });

  /** As an agent asks that trusts the CA; the certificate has to be good for `host`. */
  async function statusOf(host: string, path: string): Promise<number | undefined> {
    const ca = await readFile(server.developmentCaFile);
    const { port } = new URL(server.url);
    return new Promise((done, failed) => {
      const options = { host: "127.0.0.1", port, path, ca, servername: host, headers: { host } };
      const asked = request({ ...options, agent: false }, (response) => {
        response.resume();
        done(response.statusCode);
      });
      asked.once("error", failed);
      asked.end();
    });
  }

  it("answers under both names, and no third one", async () => {
    for (const host of [former, l4lbName("dcos-registry"), l4lbName("registry", "global")]) {
      assert.equal(await statusOf(host, "/v2/"), 200, host);
      assert.equal(await statusOf(host, "/repo"), 200, host);
    }
    await assert.rejects(statusOf(l4lbName("other"), "/v2/"), /altnames/);
  });
});
