/** A bucket behind HTTPS with a certificate of the site's own CA, which only the site's proxy leads to. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { before, describe, it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { BucketSuite } from "../fixtures/bucket-suite.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { ClusterClient } from "../fixtures/cluster-client.ts";
import { ConnectProxy } from "../fixtures/connect-proxy.ts";
import { freePort } from "../fixtures/free-port.ts";
import { lacking } from "../fixtures/requirements.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { TlsGateway } from "../fixtures/tls-gateway.ts";
import { pattern } from "../storage/bytes.ts";

const name = "s3.storage.example";

describe("a bucket behind TLS and a proxy", { skip: lacking(...cephPrograms, "nginx") }, () => {
  const suite = new BucketSuite("s3-tls", () => Ceph.start({ gateways: 1 }));
  let proxy: ConnectProxy;
  let ca: string;

  before(async () => {
    const authority = new CertificateAuthority();
    ca = path.join(suite.scratch, "storage-ca.pem");
    await writeFile(ca, authority.certificate);
    const directory = path.join(suite.scratch, "nginx");
    const gateway = suite.place.endpoints[0] ?? "";
    const front = await TlsGateway.start({ directory, authority, name, gateway });
    suite.atEnd(async () => void (await front.stop()));
    // The endpoint is said to listen at port 443, and reached at that of the front.
    proxy = await ConnectProxy.start({ plainPort: front.port, tlsPort: front.port });
    suite.atEnd(() => proxy.close());
  });

  const start = async (env: Record<string, string>, ...more: string[]): Promise<ServerProcess> => {
    const flags = await suite.flags("p", `https://${name}`);
    return ServerProcess.start({ directory: suite.scratch, flags: [...flags, ...more], env });
  };

  it("keeps what is pushed, in one part and in several", async () => {
    const server = await start({ HTTPS_PROXY: proxy.url }, "--ca", ca, "--workers", "2");
    const client = new ClusterClient(server.url, await server.developmentCa());
    try {
      for (const size of [100, 300_000, 20_000_000]) {
        const body = pattern(size, size);
        const digest = digestOf(body);
        const uploads = `${server.url}/v2/team/app/blobs/uploads/?digest=${digest}`;
        assert.equal((await client.fetch(uploads, { method: "POST", body })).status, 201);
        const pulled = await client.digest(`${server.url}/v2/team/app/blobs/${digest}`);
        assert.deepEqual([pulled.digest, pulled.size], [digest, size]);
      }
      const health = await client.fetch(`${server.url}/health`);
      assert.match(health.body.toString(), /compare-and-swap: the bucket arbitrates/);
    } finally {
      await client.close();
      await server.stop();
    }
    assert.ok(proxy.tunnels.length > 0);
    assert.deepEqual([...new Set(proxy.tunnels)], [`${name}:443`]);
  });

  it("is refused when its certificate is none that the server trusts", async () => {
    await assert.rejects(start({ HTTPS_PROXY: proxy.url }), /has signed the certificate; --ca/);
  });

  it("is refused, naming the proxy's answer, when there is no proxy", async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    await assert.rejects(start({ HTTPS_PROXY: nobody }, "--ca", ca), /ECONNREFUSED|proxy/);
  });
});
