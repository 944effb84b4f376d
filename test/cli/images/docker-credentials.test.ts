import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  CredentialsUnreadable,
  DockerCredentials,
} from "../../../src/cli/images/docker-credentials.ts";
import { makeScratch, removeScratch } from "../../fixtures/scratch.ts";

const signal = new AbortController().signal;
const basic = (user: string, password: string) => ({
  auth: Buffer.from(`${user}:${password}`).toString("base64"),
});
const login = (user: string, password: string) => ({ kind: "password", user, password });

describe("DockerCredentials", () => {
  let home: string;
  beforeEach(async () => {
    home = await makeScratch("credentials");
  });
  afterEach(() => removeScratch(home));

  const write = async (file: string, document: unknown) => {
    await mkdir(path.dirname(path.join(home, file)), { recursive: true });
    const text = typeof document === "string" ? document : JSON.stringify(document);
    await writeFile(path.join(home, file), text);
  };
  const find = (host: string, repository = "a/b", environment: Record<string, string> = {}) =>
    new DockerCredentials({ HOME: home, ...environment }, signal).find(host, repository);
  const program = async (name: string, script: string) => {
    await write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
    await chmod(path.join(home, "bin", `docker-credential-${name}`), 0o755);
  };
  const withPath = () => ({ PATH: `${path.join(home, "bin")}:/usr/bin:/bin` });

  it("knows nothing without files", async () => {
    assert.equal(await find("quay.io"), undefined);
  });

  it("takes the entry of the repository before that of the host", async () => {
    await write(".docker/config.json", {
      auths: {
        "quay.io": basic("host", "1"),
        "quay.io/a": basic("folder", "2"),
        "quay.io/a/b": basic("repository", "3"),
      },
    });
    assert.deepEqual(await find("quay.io", "a/b"), login("repository", "3"));
    assert.deepEqual(await find("quay.io", "a/c"), login("folder", "2"));
    assert.deepEqual(await find("quay.io", "x"), login("host", "1"));
    assert.equal(await find("other.io"), undefined);
  });

  it("reads keys as docker writes them, Docker Hub's among them", async () => {
    await write(".docker/config.json", {
      auths: { "https://index.docker.io/v1/": basic("hub", "p"), "https://r.io": basic("r", "p") },
    });
    assert.deepEqual(await find("docker.io", "library/redis"), login("hub", "p"));
    assert.deepEqual(await find("r.io"), login("r", "p"));
  });

  it("reads every form of an entry", async () => {
    await write(".docker/config.json", {
      auths: {
        "plain.io": { username: "u", password: "p:q" },
        "identity.io": { auth: "eDp5", identitytoken: "t1" },
        "registry.io": { registrytoken: "t2" },
        "padded.io": { auth: Buffer.from("u:p\0\0").toString("base64") },
        "empty.io": {},
      },
    });
    assert.deepEqual(await find("plain.io"), login("u", "p:q"));
    assert.deepEqual(await find("identity.io"), { kind: "identity-token", token: "t1" });
    assert.deepEqual(await find("registry.io"), { kind: "registry-token", token: "t2" });
    assert.deepEqual(await find("padded.io"), login("u", "p"));
    assert.equal(await find("empty.io"), undefined);
  });

  it("looks into the files of docker, podman and skopeo, in order", async () => {
    const environment = {
      DOCKER_CONFIG: path.join(home, "d"),
      REGISTRY_AUTH_FILE: path.join(home, "auth.json"),
      XDG_RUNTIME_DIR: path.join(home, "run"),
      XDG_CONFIG_HOME: path.join(home, "config"),
    };
    const files = [
      "config/containers/auth.json",
      "run/containers/auth.json",
      "auth.json",
      "d/config.json",
      ".docker/config.json",
    ];
    for (const file of files) {
      await write(file, { auths: { "quay.io": basic(file, "p") } });
      assert.deepEqual(await find("quay.io", "a", environment), login(file, "p"));
    }
  });

  it("asks credential programs, the host's own before the common one", async () => {
    await write(".docker/config.json", {
      credsStore: "common",
      credHelpers: { "own.io": "own" },
      auths: { "common.io": {} },
    });
    const answer = (user: string) =>
      `read server\necho "{\\"Username\\":\\"${user}\\",\\"Secret\\":\\"$server\\"}"`;
    await program("common", answer("c"));
    await program("own", answer("<token>"));
    assert.deepEqual(await find("common.io", "a", withPath()), login("c", "common.io"));
    assert.deepEqual(
      await find("docker.io", "a", withPath()),
      login("c", "https://index.docker.io/v1/"),
    );
    assert.deepEqual(await find("own.io", "a", withPath()), {
      kind: "identity-token",
      token: "own.io",
    });
  });

  it("takes 'not found' of a program as no login, and all else as an error", async () => {
    await write(".docker/config.json", { credsStore: "x" });
    await program("x", "echo credentials not found in native keychain; exit 1");
    assert.equal(await find("quay.io", "a", withPath()), undefined);
    for (const script of ["echo secret; exit 1", "echo not-json-secret", "echo '{}'"]) {
      await program("x", script);
      await assert.rejects(find("quay.io", "a", withPath()), (error) => {
        assert.ok(error instanceof CredentialsUnreadable);
        assert.doesNotMatch(String(error), /secret/);
        return true;
      });
    }
    await assert.rejects(find("quay.io", "a", { PATH: "/nonexistent" }), /cannot run docker-cred/);
  });

  it("runs no program whose name is a path or a command", async () => {
    for (const name of ["../x", "x; rm", "a/b", ""]) {
      await write(".docker/config.json", { credHelpers: { "quay.io": name } });
      await assert.rejects(find("quay.io"), /malformed/);
    }
  });

  it("says which file is broken, and nothing of what it holds", async () => {
    for (const text of ['{"auths": secret', "[]", '{"auths":{"quay.io":{"auth":"c2VjcmV0"}}}']) {
      await write(".docker/config.json", text);
      await assert.rejects(find("quay.io"), (error) => {
        assert.ok(error instanceof CredentialsUnreadable);
        assert.match(error.where ?? "", /config\.json$/);
        assert.doesNotMatch(error.message, /secret|c2Vj/);
        return true;
      });
    }
  });
});
