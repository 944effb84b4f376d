/** Protects whom the server trusts as a master before it shows a login: the cluster's own CA, nobody else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { ClusterUnreachable } from "../../src/cluster/cluster-error.ts";
import { openCluster } from "../../src/server/cluster.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

describe("connection to the cluster", () => {
  let scratch: string;
  let master: Server;
  let url: string;
  const at = (name: string) => path.join(scratch, name);

  before(async () => {
    scratch = await makeScratch("cluster");
    const authority = new CertificateAuthority();
    const { key, certificate: cert } = authority.issue("127.0.0.1");
    master = createServer({ key, cert }, (_request, response) => response.end("{}"));
    await once(master.listen(0, "127.0.0.1"), "listening");
    url = `https://127.0.0.1:${(master.address() as AddressInfo).port}/`;
    await writeFile(at("ca.crt"), authority.certificate);
    await writeFile(at("empty.crt"), "");
  });
  after(async () => {
    master.closeAllConnections();
    master.close();
    await once(master, "close");
    await removeScratch(scratch);
  });

  const ask = async (caFiles: readonly string[], ca?: string) => {
    // A proxy that nobody answers at: masters are reached without it.
    const environment = { https_proxy: "http://127.0.0.1:9" };
    const outgoing = { environment, ...(ca !== undefined && { ca }) };
    const users = { allow: [], permission: false };
    const { http, base } = await openCluster({ url, caFiles, names: [], users }, { outgoing });
    return (await http.exchange({ method: "GET", url: (await base()).href })).status;
  };

  it("trusts the first file of DC/OS that holds certificates, and the CA that was named", async () => {
    assert.equal(await ask([at("absent.crt"), at("empty.crt"), at("ca.crt")]), 200);
    assert.equal(await ask([], at("ca.crt")), 200);
  });

  it("trusts nobody else", async () => {
    await assert.rejects(ask([at("absent.crt"), at("empty.crt")]), (error) => {
      assert.ok(error instanceof ClusterUnreachable);
      assert.match(error.message, /no answer from https:.*(?:CERT|SIGNATURE)/);
      return true;
    });
  });
});
