/** Protects what is asked of the cluster's CA, and what each of its refusals is told as. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Agent } from "undici";
import { ClusterAuthority } from "../../src/cluster/certificate-authority.ts";
import { ClusterRefusal, ClusterUnreachable } from "../../src/cluster/cluster-error.ts";
import { ClusterHttp } from "../../src/cluster/cluster-http.ts";
import { parseServiceAccount } from "../../src/cluster/service-account.ts";
import { ServiceAccountLogin } from "../../src/cluster/service-account-login.ts";
import { createKey } from "../../src/tls/certificate.ts";
import { createSigningRequest } from "../../src/tls/signing-request.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { DcosMaster, type MasterAnswer } from "../fixtures/dcos-master.ts";
import { makeChain } from "../tls/chain-fixture.ts";

const envelope = (result: object): MasterAnswer => [
  200,
  { success: true, result, errors: [], messages: [] },
];
const refused = (status: number, code: number, message: string): MasterAnswer => [
  status,
  { success: false, result: null, errors: [{ code, message }], messages: [] },
  "text/plain",
];

describe("cluster's certificate authority", () => {
  const root = new CertificateAuthority();
  let master: DcosMaster;
  let agent: Agent;
  let authority: ClusterAuthority;
  let request: string;

  beforeEach(async () => {
    master = await DcosMaster.start();
    agent = new Agent();
    const http = new ClusterHttp(agent, 20_000);
    const secret = JSON.stringify(master.addAccount("registry"));
    const login = new ServiceAccountLogin(async () => parseServiceAccount("test", secret), http);
    authority = new ClusterAuthority(async () => new URL(master.url), http, login);
    request ??= createSigningRequest(await createKey(), ["localhost"]);
  });
  afterEach(async () => {
    await agent.close();
    await master.close();
  });

  it("signs with the account's token and adds its own certificate", async () => {
    master.authority = async (call, { uid, body }) => {
      assert.equal(uid, "registry");
      if (call === "info") return envelope({ certificate: root.certificate, usages: [] });
      assert.equal(call, "sign");
      return envelope({ certificate: root.sign(String(body["certificate_request"])) });
    };
    const answer = await authority.sign(request);
    const [leaf, issuer] = certificatesIn(answer);
    assert.equal(leaf?.checkHost("localhost"), "localhost");
    assert.ok(issuer && leaf?.verify(issuer.publicKey));
    assert.equal(master.count("POST /ca/api/v2/bundle"), 0, "a root has nothing above it");
  });

  it("asks for the rest of the chain when it is an intermediate, and goes on without", async () => {
    const chain = await makeChain();
    const [first = "", second = "", third = "", leaf = ""] = chain.certificates;
    let bundle: MasterAnswer = envelope({ bundle: [leaf, third, second, first].join("") });
    master.authority = async (call) => {
      if (call === "sign") return envelope({ certificate: leaf });
      return call === "info" ? envelope({ certificate: third }) : bundle;
    };
    const complete = new Set(certificatesIn(await authority.sign(request)).map(String));
    for (const pem of chain.certificates) {
      assert.ok(complete.has(String(new X509Certificate(pem))));
    }
    bundle = [403, "<html>403</html>", "text/html"];
    assert.equal(certificatesIn(await authority.sign(request)).length, 2);
  });

  it("logs in again when its token is not taken any more", async () => {
    let tries = 0;
    master.authority = async (call) => {
      if (call === "info") return envelope({ certificate: root.certificate });
      tries += 1;
      return tries === 1 ? [401, "<html>"] : envelope({ certificate: root.sign(request) });
    };
    assert.equal(certificatesIn(await authority.sign(request)).length, 2);
    assert.equal(master.count("POST /acs/api/v1/auth/login"), 2);
  });

  it("tells each refusal with what can be done", async () => {
    const cases: [MasterAnswer | "hang", RegExp][] = [
      [[403, "<html>", "text/html"], /sign answered 403: .*needs dcos:adminrouter:ops:ca:rw full/],
      [[404, "<html>", "text/html"], /has no certificate authority there/],
      [[401, "<html>", "text/html"], /token of the service account is not accepted/],
      [refused(400, 9002, "CSR Decode failed"), /400: \[9002\] CSR Decode failed/],
      [refused(200, 1, "odd\nline"), /200: \[1\] odd line/],
      [[200, "<html>"], /no answer of a certificate authority/],
      [envelope({}), /no certificate/],
    ];
    for (const [answer, pattern] of cases) {
      master.instead = ({ route }) => (route.startsWith("/ca/") ? answer : undefined);
      await assert.rejects(authority.sign(request), (error) => {
        assert.ok(error instanceof ClusterRefusal);
        assert.match(error.message, pattern);
        return true;
      });
    }
    master.instead = ({ route }) => (route.startsWith("/ca/") ? "hang" : undefined);
    await assert.rejects(authority.sign(request), ClusterUnreachable);
    const stop = new AbortController();
    const stopped = authority.sign(request, stop.signal);
    stop.abort(new Error("stopping"));
    await assert.rejects(stopped, /stopping/);
  });
});

function certificatesIn(text: string): X509Certificate[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return found.map((pem) => new X509Certificate(pem));
}
