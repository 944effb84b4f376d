/** Protects a server with a service account as a whole: its certificate, and the cluster's users as writers. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Client, type Dispatcher } from "undici";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { DcosMaster, type MasterAnswer } from "../fixtures/dcos-master.ts";
import { eventually } from "../fixtures/eventually.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const envelope = (result: object): MasterAnswer => [200, { success: true, result, errors: [] }];

describe("a server in a cluster", () => {
  const root = new CertificateAuthority("Cluster CA");
  let scratch: string;
  let master: DcosMaster;
  let server: ServerProcess;
  let client: Client;

  before(async () => {
    scratch = await makeScratch("in-cluster");
    master = await DcosMaster.start();
    const secret = path.join(scratch, "account.json");
    await writeFile(secret, JSON.stringify(master.addAccount("registry")));
    server = await ServerProcess.start({
      directory: scratch,
      flags: ["--workers=2", "--users-allow=alice"],
      env: { DCOS_SERVICE_ACCOUNT_CREDENTIAL: secret, HOST: "10.0.0.7" },
    });
    client = new Client(server.url, { connect: { ca: root.certificate } });
  });
  after(async () => {
    await client?.close();
    await server?.stop();
    await master?.close();
    await removeScratch(scratch);
  });

  const ask = async (
    method: Dispatcher.HttpMethod,
    route: string,
    authorization: string,
    body: string | null = null,
  ) => {
    const headers = { authorization, ...(body !== null && { "content-type": "application/json" }) };
    const answer = await client.request({ method, path: route, headers, body });
    return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
  };
  const health = async (ca: string): Promise<string> => {
    const one = new Client(server.url, { connect: { ca } });
    try {
      const answer = await one.request({ method: "GET", path: "/health" });
      return JSON.stringify(((await answer.body.json()) as { checks: object }).checks);
    } finally {
      await one.close();
    }
  };

  it("serves a stand-in while the CA is not there, and says so", async () => {
    assert.match(server.log, /has no certificate authority there.*a stand-in is served/);
    const checks = await health(await server.developmentCa());
    assert.match(checks, /"tls\/certificate":\{"Unhealthy":\{"message":"The cluster's CA has not/);
    assert.doesNotMatch(server.log, /PRIVATE KEY|eyJ/, "neither keys nor tokens are logged");
  });

  it("has its certificate soon after the CA is there, in all workers", async () => {
    master.authority = async (call, { body }) =>
      call === "info"
        ? envelope({ certificate: root.certificate })
        : envelope({ certificate: root.sign(String(body["certificate_request"])) });
    for (let round = 0; round < 4; round += 1) {
      const checks = await eventually(() => health(root.certificate), 60_000);
      assert.match(checks, /"tls\/certificate":\{"Healthy":/);
    }
    assert.equal(master.count("POST /ca/api/v2/info"), 1, "one process of the server asks");
  });

  it("lets users of the cluster write, by either form of the header", async () => {
    master.permitted.add("bob");
    const [alice, bob, eve] = await Promise.all(
      ["alice", "bob", "eve"].map((uid) => master.tokenOf(uid)),
    );
    const remove = (authorization: string) =>
      ask("POST", "/package/remove", authorization, '{"packageName":"x","packageVersion":"1"}');
    for (const header of [`token=${alice}`, `Bearer ${alice}`, `token=${bob}`]) {
      const { status, text } = await remove(header);
      assert.match(text, /NotFound/, `${status} ${text}`);
    }
    assert.equal((await remove(`token=${eve}`)).status, 401);
  });

  it("gives docker clients a token to push for one of the cluster, with any user name", async () => {
    const scope = "scope=repository:acme/db:pull,push";
    const push = async (uid: string) => {
      const secret = Buffer.from(`any:${await master.tokenOf(uid)}`).toString("base64");
      const { status, text } = await ask("GET", `/v2/token?${scope}`, `Basic ${secret}`);
      if (status !== 200) return status;
      const { token } = JSON.parse(text) as { token: string };
      return (await ask("POST", "/v2/acme/db/blobs/uploads/", `Bearer ${token}`)).status;
    };
    assert.equal(await push("alice"), 202);
    assert.equal(await push("eve"), 401);
    const direct = `Bearer ${await master.tokenOf("alice")}`;
    assert.equal((await ask("POST", "/v2/acme/db/blobs/uploads/", direct)).status, 202);
  });

  it("asks to try again when it cannot find out about a user", async () => {
    master.instead = ({ route }) => (route.startsWith("/service/") ? [502, "<html>"] : undefined);
    const carol = await master.tokenOf("carol");
    const { status, headers } = await ask("POST", "/v2/acme/db/blobs/uploads/", `token=${carol}`);
    assert.equal(status, 503);
    assert.ok(Number(headers["retry-after"]) > 0);
  });
});
