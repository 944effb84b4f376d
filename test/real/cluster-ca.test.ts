/**
 * D1: the certificate from a real cfssl. Every kind of client that meets it verifies it, its renewal fails no
 * request, and a CA that is away when a renewal is due stops nothing.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Cfssl } from "../fixtures/cfssl.ts";
import { DockerDaemon } from "../fixtures/docker-daemon.ts";
import { eventually } from "../fixtures/eventually.ts";
import { makeImage } from "../fixtures/image.ts";
import { writeImageDirectory } from "../fixtures/image-directory.ts";
import { Namespace, registryAddress, registryName } from "../fixtures/namespace.ts";
import { output, Program, run } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot, ServerProcess } from "../fixtures/server-process.ts";
import type { SteadyResult } from "../fixtures/steady-requests.ts";

const programs = ["cfssl", "openssl", "curl", "nginx", "dockerd", "docker", "skopeo"];
const skip = lacking("unshare", "nsenter", "ip", ...programs);
const perSecond = 200;
const manifest = "/v2/signed/image/manifests/1";
/** A certificate lives for 15 to 75 s here, by the minute in which it is signed. */
const renewalMs = 120_000;

describe("a certificate from the cluster's CA", { skip }, () => {
  let scratch: string;
  let namespace: Namespace;
  let cfssl: Cfssl;
  let master: Program;
  let server: ServerProcess;
  let token: string;

  const at = (name: string): string => path.join(scratch, name);
  const inside = () => ({ place: namespace, cwd: scratch, env: { HOME: scratch } });
  const fixture = (name: string, ...args: readonly string[]): Program =>
    new Program(
      process.execPath,
      [path.join(projectRoot, "dist/test/fixtures", name), ...args],
      inside(),
    );
  const leaf = async (): Promise<X509Certificate> => {
    const pem = await readFile(at("data/tls/cluster.pem"), "utf8");
    return new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERTIFICATE")));
  };
  const renewed = async (before: X509Certificate): Promise<void> => {
    await eventually(async () => {
      assert.notEqual((await leaf()).fingerprint256, before.fingerprint256);
    }, renewalMs);
    // The file changes first; the server says when new connections are given it.
    const { fingerprint256 } = await leaf();
    await server.waitForLog(new RegExp(`"fingerprint":"${fingerprint256}"`));
  };

  before(async () => {
    scratch = await makeScratch("cluster-ca");
    namespace = await Namespace.create(scratch);
    cfssl = await Cfssl.start(namespace, scratch);
    master = fixture("master-process.js", cfssl.url, at("account.json"));
    [, token = ""] = await master.waitFor("stdout", /^Token (\S+)$/m);
    server = await ServerProcess.start({
      directory: scratch,
      place: namespace,
      flags: [`--listen=${registryAddress}:443`, "--service-name=dcos-registry", "--workers=2"],
      env: { DCOS_SERVICE_ACCOUNT_CREDENTIAL: at("account.json"), HOST: registryAddress },
    });
    await mkdir(at("trust"));
    await writeFile(at("trust/ca.crt"), await readFile(cfssl.caFile));
    const image = await makeImage({ layers: [[{ path: "a", content: "signed" }]] });
    await writeImageDirectory(at("image"), image);
    const login = ["--dest-creds", `any:${token}`, "--dest-cert-dir", at("trust")];
    const target = `docker://${registryName}/signed/image:1`;
    await output("skopeo", ["copy", ...login, `dir:${at("image")}`, target], inside());
  });
  after(async () => {
    await server?.stop();
    await master?.stop();
    await cfssl?.down();
    await namespace?.close();
    await removeScratch(scratch);
  });

  it("is there before the first request, and no other was", async () => {
    assert.match((await leaf()).issuer, /CN=Cluster CA/);
    assert.doesNotMatch(server.log, /stand-in/);
  });

  it("verifies with openssl, by name and by address", async () => {
    for (const check of [
      ["-verify_hostname", registryName],
      ["-verify_ip", registryAddress],
      // What nginx asks of an upstream's address.
      ["-verify_hostname", registryAddress],
    ]) {
      const { stdout, code } = await run(
        "openssl",
        [
          ...["s_client", "-connect", `${registryAddress}:443`, "-servername", registryName],
          ...["-CAfile", cfssl.caFile, "-verify_return_error", ...check],
        ],
        inside(),
      );
      assert.match(stdout, /Verify return code: 0 \(ok\)/, check.join(" "));
      assert.equal(code, 0);
    }
  });

  it("verifies with curl, by name and by address, and not with another CA", async () => {
    for (const host of [registryName, registryAddress]) {
      await output("curl", ["-fsS", "--cacert", cfssl.caFile, `https://${host}/health`], inside());
    }
    const { code } = await run("curl", ["-sS", `https://${registryName}/health`], inside());
    assert.equal(code, 60);
  });

  it("verifies with nginx as Admin Router's upstream, by the agent's address", async () => {
    await writeFile(at("nginx.conf"), nginxConfiguration(scratch, cfssl.caFile));
    const flags = ["-p", scratch, "-c", at("nginx.conf"), "-e", "stderr"];
    const nginx = new Program("nginx", flags, inside());
    await nginx.waitFor("stderr", /start worker process /);
    const status = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8080/health"];
    assert.equal(await output("curl", status, inside()), "200", nginx.tail());
    await nginx.stop();
  });

  it("lets dockerd pull, which trusts nothing but the CA", async () => {
    const daemon = await DockerDaemon.start(namespace, at("docker"));
    try {
      const reference = `${registryName}/signed/image:1`;
      assert.match((await daemon.docker(["pull", reference])).stderr, /x509/);
      await namespace.trust(registryName, await readFile(cfssl.caFile, "utf8"));
      const { code, stderr } = await daemon.docker(["pull", reference]);
      assert.equal(code, 0, stderr);
    } finally {
      await daemon.stop();
    }
  });

  it(`is renewed under ${perSecond} requests a second without a failed one`, async (test) => {
    const url = `https://${registryName}${manifest}`;
    const load = fixture("steady-requests.js", url, cfssl.caFile, String(perSecond));
    await load.waitFor("stdout", /^running$/m);
    const before = await leaf();
    await renewed(before);
    const { stdout } = await load.stop();
    const result = JSON.parse(stdout.split("\n").at(-2) ?? "") as SteadyResult;
    const { sent, seconds, failures, fingerprints } = result;
    test.diagnostic(`${sent} requests in ${seconds.toFixed(1)} s, ${failures.length} failed`);
    assert.deepEqual(failures.slice(0, 5), []);
    assert.ok(sent > perSecond * (seconds - 1), `${sent} in ${seconds} s`);
    assert.ok(fingerprints.includes(before.fingerprint256));
  });

  it("stays in use while the CA is away when it is due, and is renewed when it is back", async () => {
    const logged = server.log.length;
    const before = await leaf();
    await cfssl.down();
    await eventually(() => {
      assert.match(server.log.slice(logged), /"no certificate from the cluster's CA"/);
    }, renewalMs);
    assert.match(server.log.slice(logged), /sign answered 502/);
    await output(
      "curl",
      ["-fsS", "--cacert", cfssl.caFile, `https://${registryName}/repo`],
      inside(),
    );
    await cfssl.up();
    await renewed(before);
    await output(
      "curl",
      ["-fsS", "--cacert", cfssl.caFile, `https://${registryName}/repo`],
      inside(),
    );
  });
});

function nginxConfiguration(directory: string, ca: string): string {
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${path.join(directory, `nginx-${name}`)};`)
    .join("\n");
  return `
daemon off;
error_log stderr notice;
pid ${path.join(directory, "nginx.pid")};
worker_processes 1;
events { worker_connections 64; }
http {
${folders}
  access_log off;
  server {
    listen 127.0.0.1:8080;
    location / {
      proxy_pass https://${registryAddress}:443;
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 5;
      proxy_ssl_trusted_certificate ${ca};
    }
  }
}
`;
}
