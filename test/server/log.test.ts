/** Protects the log: one JSON line per event whatever clients send, and none of the secrets that pass by. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectPlain } from "node:net";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import bcrypt from "bcryptjs";
import { Client } from "undici";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { DcosMaster } from "../fixtures/dcos-master.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const secrets = {
  token: "static-token-5d41402abc4b2a76",
  password: "correct-horse-7d793037a076",
  wrong: "wrong-password-827ccb0eea8a",
  query: "query-secret-9003d1df22eb",
  cookie: "cookie-secret-45c48cce2e2d",
};

interface Line {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
  readonly [name: string]: unknown;
}

for (const workers of [1, 2]) {
  describe(`the log of a server, ${workers} worker(s)`, () => {
    let scratch: string;
    let master: DcosMaster;
    let lines: string[];
    let banner: string;
    /** Of a user of the cluster, and of the service account. */
    const cluster: string[] = [];

    before(async () => {
      scratch = await makeScratch("log");
      const at = (name: string): string => path.join(scratch, name);
      master = await DcosMaster.start();
      const account = master.addAccount("registry");
      await writeFile(at("account"), JSON.stringify(account));
      await writeFile(at("token"), `${secrets.token}\n`);
      await writeFile(at("htpasswd"), `ann:${await bcrypt.hash(secrets.password, 4)}\n`);
      const { key, certificate } = new CertificateAuthority().issue("127.0.0.1");
      await writeFile(at("key"), key);
      await writeFile(at("cert"), certificate);
      const server = await ServerProcess.start({
        directory: scratch,
        flags: [
          ...["--workers", String(workers), "--log-level=trace"],
          ...["--tls-cert", at("cert"), "--tls-key", at("key")],
          ...["--token-file", at("token"), "--htpasswd", at("htpasswd")],
          ...["--service-account", at("account")],
        ],
      });
      cluster.push(await master.tokenOf("alice"));
      await ask(server);
      const { stderr, stdout } = await server.stop();
      lines = stderr.split("\n").filter((line) => line !== "");
      banner = stdout;
    });
    after(async () => {
      await master?.close();
      await removeScratch(scratch);
    });

    /** All kinds of credentials, right and wrong, in all places where clients put them. */
    async function ask(server: ServerProcess): Promise<void> {
      const client = new Client(server.url, { connect: { rejectUnauthorized: false } });
      const basic = (password: string): string =>
        `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
      const all = [
        `Bearer ${secrets.token}`,
        basic(secrets.password),
        basic(secrets.wrong),
        `token=${cluster[0]}`,
        `Bearer ${cluster[0]}x`,
      ];
      const asked = [
        ["POST", "/v2/team/app/blobs/uploads/"],
        ["GET", `/v2/token?service=x&password=${secrets.query}`],
        ["GET", "/v2/"],
        ["DELETE", "/v2/team/app/manifests/none"],
        ["POST", "/package/remove"],
        ["GET", `/nowhere\n{"level":60}?${secrets.query}`],
      ] as const;
      for (const authorization of all) {
        for (const [method, route] of asked) {
          const headers = { authorization, cookie: `dcos-acs-auth-cookie=${secrets.cookie}` };
          const answer = await client.request({ method, path: encodeURI(route), headers });
          await answer.body.dump();
        }
      }
      await client.close();
      await sayNonsense(server);
    }

    async function sayNonsense({ url }: ServerProcess): Promise<void> {
      const port = Number(new URL(url).port);
      const plain = connectPlain(port, "127.0.0.1");
      plain.end(`GET / HTTP/1.1\r\nAuthorization: Bearer ${secrets.token}\r\n\r\n`);
      await once(plain.resume(), "close");
      const broken = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
      broken.end(`NONSENSE ${secrets.token}\r\nHost\r\n\r\n`);
      await once(broken.resume(), "close");
    }

    it("is JSON, one line an event, with a level, a time and words", () => {
      assert.ok(lines.length >= 20, `${lines.length} lines`);
      for (const text of lines) {
        const { level, time, msg, worker } = JSON.parse(text) as Line;
        assert.ok(level >= 10 && level <= 60, text);
        assert.ok(Math.abs(Date.now() - time) < 600_000, text);
        assert.match(msg, /^\S.*\S$/, text);
        if (workers > 1 && msg === "request") assert.equal(typeof worker, "number", text);
      }
    });

    it("tells of each request, and of what clients put into it nothing but method and path", () => {
      const requests = lines
        .map((text) => JSON.parse(text) as Line)
        .filter(({ msg }) => msg === "request");
      const of = (method: string, status: number): Line[] =>
        requests.filter((line) => line["method"] === method && line["status"] === status);
      assert.equal(requests.filter(({ path: one }) => one === "/v2/token").length, 5);
      assert.equal(of("POST", 202).length, 2, "pushes of those who may");
      assert.ok(requests.every(({ path: one }) => !String(one).includes("?")));
    });

    it("holds no secret, nor does what is printed at the start", () => {
      const text = `${lines.join("\n")}\n${banner}`;
      for (const secret of [...Object.values(secrets), ...cluster]) {
        const forms = [secret, Buffer.from(`ann:${secret}`).toString("base64").slice(8, -4)];
        for (const form of forms) assert.ok(!text.includes(form), secret);
      }
      assert.doesNotMatch(text, /PRIVATE KEY|\$2[aby]\$|eyJ/);
    });
  });
}
