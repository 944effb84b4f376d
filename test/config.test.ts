/** Protects how the server is configured: what wins, what is refused and in which words. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { flagOf, options, variableOf } from "../src/config/options.ts";
import {
  ConfigInvalid,
  certificateNamesFor,
  loadConfig,
  optionTable,
  productVersion,
  readInvocation,
  withPort,
} from "../src/config.ts";

type Environment = Record<string, string>;

function problems(argv: readonly string[], environment: Environment = {}): string[] {
  try {
    loadConfig(argv, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigInvalid);
    assert.equal(error.code, "CONFIG_INVALID");
    return error.problems.map(({ message }) => message);
  }
  return [];
}

/** What an option makes no sense without. */
function companions(pointer: string, certificate: string): Environment {
  if (/^\/tls\/(?:cert|key|ca)$/.test(pointer)) {
    return { DCOS_REGISTRY_TLS_CERT: certificate, DCOS_REGISTRY_TLS_KEY: certificate };
  }
  if (pointer === "/s3/bucket" || !pointer.startsWith("/s3/")) return {};
  return { DCOS_REGISTRY_S3_BUCKET: "bucket" };
}

describe("configuration", () => {
  let directory: string;
  const file = async (name: string, content: unknown) => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await writeFile(path.join(directory, name), text);
    return path.join(directory, name);
  };
  before(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), "config-"));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it("serves a demonstration on this machine when nothing is set", () => {
    assert.deepEqual(loadConfig([], { PATH: "/bin", DCOS_REGISTRY_URL: "https://x" }), {
      listen: { host: "127.0.0.1", port: 8443 },
      storage: path.resolve("data"),
      adoptStorage: false,
      instances: 1,
      outgoing: { environment: {} },
      serviceName: "dcos-registry",
      publicUrl: "https://127.0.0.1:8443",
      imageHost: "127.0.0.1:8443",
      readOnly: false,
      workers: 1,
      logLevel: "info",
      limits: {
        manifestBytes: 8 * 1024 * 1024,
        bundleBytes: 0,
        uploads: 256,
        uploadsPerClient: 64,
        freeBytes: -1,
        quotaBytes: 0,
      },
      scrub: { intervalHours: 168, bytesPerSecond: 16 * 1024 * 1024 },
      packages: { retainDays: 30 },
      upload: { expiryHours: 24 },
      gc: {
        enabled: true,
        intervalMinutes: 60,
        graceHours: 24,
        settleMinutes: 60,
        orphanHours: 24,
        requestsPerSecond: 500,
      },
    });
  });

  it("passes over variables that container platforms invent for a service of its name", () => {
    const environment = {
      DCOS_REGISTRY_SERVICE_HOST: "10.0.0.1",
      DCOS_REGISTRY_SERVICE_PORT: "443",
      DCOS_REGISTRY_PORT: "tcp://10.0.0.1:443",
      DCOS_REGISTRY_PORT_443_TCP_ADDR: "10.0.0.1",
    };
    assert.deepEqual(problems([], environment), []);
  });

  it("knows the cluster by its service account or its URL, and what DC/OS tells a task", async () => {
    const secret = await file("account.json", { uid: "registry" });
    const environment = {
      HOST: "10.0.0.7",
      LIBPROCESS_IP: "0.0.0.0",
      MESOS_CONTAINER_IP: "bad name",
      MESOS_SANDBOX: "/mnt/mesos/sandbox",
      DCOS_REGISTRY_SERVICE_NAME: "/folder/registry",
      DCOS_REGISTRY_USERS_ALLOW: "alice, bob@example.com",
    };
    const read = (more: Environment) => loadConfig([], { ...environment, ...more }).cluster;
    assert.equal(read({}), undefined);
    const cluster = read({ DCOS_SERVICE_ACCOUNT_CREDENTIAL: secret });
    assert.deepEqual(cluster, {
      serviceAccount: { file: secret },
      caFiles: [
        "/mnt/mesos/sandbox/.ssl/ca-bundle.crt",
        "/mnt/mesos/sandbox/.ssl/ca.crt",
        "/run/dcos/pki/CA/ca-bundle.crt",
      ],
      names: ["10.0.0.7", "registry-folder.marathon.mesos"],
      users: { allow: ["alice", "bob@example.com"], permission: true },
    });
    assert.deepEqual(read({ DCOS_SERVICE_ACCOUNT_CREDENTIAL: '{"uid":1}' })?.serviceAccount, {
      json: '{"uid":1}',
    });
    const option = { DCOS_REGISTRY_SERVICE_ACCOUNT: secret, DCOS_SERVICE_ACCOUNT_CREDENTIAL: "{" };
    assert.deepEqual(read(option)?.serviceAccount, { file: secret });
    const byUrl = read({ DCOS_REGISTRY_CLUSTER_URL: "https://master.mesos" });
    assert.deepEqual([byUrl?.url, byUrl?.serviceAccount], ["https://master.mesos", undefined]);
    const wrong = { DCOS_REGISTRY_USERS_ALLOW: "alice,,bob" };
    assert.match(problems([], wrong).join(), /DCOS_REGISTRY_USERS_ALLOW: must be uids/);
  });

  it("is frozen to its depth", () => {
    const config = loadConfig([], {});
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.limits));
  });

  it("lets flags win over variables, variables over the file, the file over defaults", async () => {
    const config = await file("order.json", {
      workers: 2,
      log: { level: "warn" },
      "read-only": true,
      packages: { "retain-days": 3 },
    });
    const environment = {
      DCOS_REGISTRY_CONFIG: config,
      DCOS_REGISTRY_WORKERS: "3",
      DCOS_REGISTRY_LOG_LEVEL: "error",
      DCOS_REGISTRY_HTPASSWD: "",
    };
    const read = loadConfig(["--workers=4", "--read-only=false"], environment);
    assert.equal(read.workers, 4);
    assert.equal(read.logLevel, "error");
    assert.equal(read.packages.retainDays, 3);
    assert.equal(read.readOnly, false);
    assert.equal(read.upload.expiryHours, 24);
    assert.equal(read.htpasswd, undefined);
  });

  it("knows every option in all three places", async () => {
    const certificate = await file("any.pem", "x");
    const samples: Record<string, string> = {
      address: "0.0.0.0:1",
      storage: directory,
      "s3-bucket": "bucket",
      "s3-path": "a/b",
      "s3-endpoint": "https://s3.example:9000",
      uids: "alice,bob@example.com",
      file: certificate,
      "https-url": "https://a.example/b/",
      "image-host": "a.example:1",
      "service-name": "/a/b",
    };
    for (const option of options.filter(({ inFile }) => inFile !== false)) {
      const { schema, pointer } = option;
      const sample = samples[String(schema["format"])] ?? schema["default"];
      const value = sample ?? schema["minimum"];
      const names = pointer.slice(1).split("/");
      const document = names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
      const pair = companions(pointer, certificate);
      const config = await file("one.json", document as object);
      const ways: [string[], Environment][] = [
        [[`--config=${config}`], pair],
        [[`--${flagOf(option)}=${value}`], pair],
        [[], { ...pair, [variableOf(option)]: String(value) }],
      ];
      const [first, ...others] = ways.map(([argv, environment]) => loadConfig(argv, environment));
      for (const other of others) assert.deepEqual(other, first, pointer);
    }
  });

  it("takes relative names from the file's directory and from the current one", async () => {
    await file("users", "x");
    const config = await file("relative.json", { storage: "store", htpasswd: "./users" });
    const read = loadConfig(["--config", config], {});
    assert.equal(read.storage, path.join(directory, "store"));
    assert.equal(read.htpasswd, path.join(directory, "users"));
    assert.equal(loadConfig(["--storage", "here"], {}).storage, path.resolve("here"));
  });

  it("reports every problem at once, each with its source", async () => {
    const config = await file("wrong.json", { worker: 1, tls: { crt: "x" }, listen: 8443 });
    const argv = [
      "--config",
      config,
      "--stroage=x",
      "--workers",
      "0",
      "--read-only=maybe",
      "--tls-key",
      "/missing/key",
      "stray",
    ];
    const environment = { DCOS_REGISTRY_LOGLEVEL: "info", DCOS_REGISTRY_LOG_LEVEL: "loud" };
    assert.deepEqual(
      problems(argv, environment).sort(),
      [
        `${config} /tls: unknown option "crt"; did you mean /tls/cert?`,
        `${config}: unknown option "worker"; did you mean /workers?`,
        `${config} /listen: must be a string`,
        "DCOS_REGISTRY_LOGLEVEL is unknown; did you mean DCOS_REGISTRY_LOG_LEVEL?",
        "DCOS_REGISTRY_LOG_LEVEL: must be one of trace, debug, info, warn, error, fatal, silent",
        "unknown option --stroage; did you mean --storage?",
        "unexpected argument that belongs to no option",
        "--workers: must be at least 1",
        "--read-only: must be true or false",
        "--tls-key needs --tls-cert beside it",
        "--tls-key: /missing/key cannot be read (ENOENT)",
      ].sort(),
    );
  });

  it("takes a bucket as options or as one URL, beside a directory of this machine", () => {
    const own = { profile: "default", cacheBytes: 2 ** 31, unsafeSingleWriter: false };
    const usual = { region: "us-east-1", ...own };
    const bucket = { bucket: "images", path: "a/b", ...usual };
    const endpoint = "http://127.0.0.1:9000";
    const flags = ["--s3-bucket=images", "--s3-path=/a/b/", `--s3-endpoint=${endpoint}`];
    const read = loadConfig([...flags, "--storage=here"], {});
    assert.deepEqual(read.s3, { ...bucket, endpoint, forcePathStyle: true });
    assert.equal(read.storage, path.resolve("here"));
    const short = loadConfig(["--storage", "s3://images/a/b"], {});
    assert.deepEqual(short.s3, { ...bucket, forcePathStyle: false });
    assert.equal(short.storage, path.resolve("data"));
    assert.deepEqual(problems(["--storage=s3://images", "--s3-path=a"]), [
      "--storage s3://… says what --s3-path says",
    ]);
    assert.deepEqual(problems(["--s3-endpoint=http://a", "--service-instances=2"]), [
      "--s3-endpoint needs --s3-bucket beside it",
      "--service-instances needs --s3-bucket beside it",
    ]);
  });

  it("keeps of the environment what outgoing connections need", () => {
    const environment = { https_proxy: "http://proxy:1", NO_PROXY: "a", HOME: "/root" };
    const { outgoing } = loadConfig([], environment);
    assert.deepEqual(outgoing, { environment: { https_proxy: "http://proxy:1", NO_PROXY: "a" } });
  });

  it("says what a value should be like", () => {
    const cases: [string[], RegExp][] = [
      [["--listen", "8443"], /^--listen: must be HOST:PORT, for example/],
      [["--listen", "::1:80"], /must be HOST:PORT/],
      [["--listen", "a:99999"], /must be HOST:PORT/],
      [["--public-url", "http://a"], /^--public-url: must be an https:\/\/ URL/],
      [["--public-url", "https://a/?x"], /without user, query/],
      [["--image-host", "a b"], /^--image-host: must be HOST or HOST:PORT/],
      [["--image-host", "plain"], /must be HOST or HOST:PORT/],
      [["--storage", "s4://bucket/path"], /^--storage: must be a directory of this machine or s3:/],
      [["--storage="], /^--storage: must not be empty$/],
      [["--service-name", "Up"], /^--service-name: must be a Marathon app id/],
      [["--service-name", "/-"], /^--service-name: must be a Marathon app id/],
      [["--workers", "2.5"], /^--workers: must be a whole number$/],
      [["--workers", "65"], /^--workers: must be at most 64$/],
      [["--workers"], /^--workers: needs a value, N$/],
      [["--workers", "--read-only"], /^--workers: needs a value, N$/],
      [["--limits-manifest-bytes", "4"], /must be at least 4194304$/],
      [["--metrics-listen", "127.0.0.1:1", "--listen=127.0.0.1:1"], /must not be the address/],
      [["--htpasswd", "/"], /cannot be read \(it is a directory\)/],
    ];
    for (const [argv, message] of cases) {
      const found = problems(argv);
      assert.equal(found.length, 1, found.join("; "));
      assert.match(found[0] ?? "", message);
    }
  });

  it("never repeats a value, which may be a secret in the wrong place", async () => {
    const secret = "s3cr3t-value";
    const config = await file("secret.json", {
      listen: secret,
      tokn: secret,
      "token-file": [secret],
    });
    const argv = [
      `--public-url=https://user:${secret}@host`,
      `--token=${secret}`,
      "--password",
      secret,
      secret,
      `--config=${config}`,
    ];
    const found = problems(argv, { DCOS_REGISTRY_WORKERS: secret });
    assert.ok(found.length >= 7, found.join("\n"));
    assert.doesNotMatch(found.join("\n"), new RegExp(secret));
  });

  it("tells where a file is no JSON", async () => {
    const broken = await file("broken.json", '{\n  "workers": 2,\n}');
    assert.deepEqual(problems(["--config", broken]), [`${broken}:3:1: property name expected`]);
    const comment = await file("comment.json", "{} // no");
    assert.match(problems(["--config", comment])[0] ?? "", /:1:4: /);
    const list = await file("list.json", "[]");
    assert.deepEqual(problems(["--config", list]), [`${list}: must hold a JSON object`]);
    const missing = path.join(directory, "missing.json");
    assert.deepEqual(problems(["--config", missing]), [`${missing}: cannot be read (ENOENT)`]);
    const nested = await file("nested.json", { config: "other.json" });
    assert.deepEqual(problems(["--config", nested]), [`${nested}: names another file`]);
  });

  it("wants groups as objects, and no option under the name of its path", async () => {
    const slash = await file("slash.json", { "s3/bucket": "images", "s3~1bucket": "images" });
    assert.deepEqual(problems(["--config", slash]), [
      `${slash}: unknown option "s3/bucket"; did you mean /s3/bucket?`,
      `${slash}: unknown option "s3~1bucket"; did you mean /s3/bucket?`,
    ]);
    for (const group of ["images", ["images"], null, 1]) {
      const config = await file("group.json", { s3: group });
      assert.deepEqual(problems(["--config", config]), [`${config} /s3: must be an object`]);
    }
  });

  it("is not fooled by names of JavaScript's own", async () => {
    const config = await file("proto.json", '{"__proto__": {"workers": 9}, "constructor": 1}');
    assert.equal(problems(["--config", config]).length, 2);
    assert.equal(problems(["--__proto__=x", "--constructor=x"]).length, 2);
    assert.equal(({} as Record<string, unknown>)["workers"], undefined);
  });

  it("prints help, version and the configuration in effect, which can be used again", async () => {
    const help = readInvocation(["--help", "--nonsense"], {});
    assert.ok(help.action === "print");
    for (const option of options) assert.match(help.text, new RegExp(`--${flagOf(option)}\\b`));
    assert.deepEqual(readInvocation(["--version"], {}), {
      action: "print",
      text: `${productVersion()}\n`,
    });
    const argv = ["--service-name=/team/registry", "--listen=0.0.0.0:443", "--read-only"];
    const printed = readInvocation([...argv, "--print-config"], {});
    assert.ok(printed.action === "print");
    const again = await file("printed.json", printed.text);
    assert.deepEqual(loadConfig([`--config=${again}`], {}), loadConfig(argv, {}));
    assert.deepEqual(readInvocation(argv, {}), { action: "serve", config: loadConfig(argv, {}) });
  });

  it("has a row for every option in the documented table, which CONTRIBUTING.md repeats", async () => {
    const table = optionTable();
    const page = new URL("../../CONTRIBUTING.md", import.meta.url);
    assert.ok((await readFile(page, "utf8")).includes(table), `it should hold:\n${table}`);
    assert.equal(table.trim().split("\n").length, options.length + 2);
    assert.match(table, /^\| `\/tls\/cert` \| `--tls-cert` \| `DCOS_REGISTRY_TLS_CERT` \| /m);
  });
});

describe("names that clients are given", () => {
  const names = (...argv: string[]) => {
    const { publicUrl, imageHost } = loadConfig(argv, {});
    return [publicUrl, imageHost];
  };

  it("follow the listen address, then the service's name, then the public URL", () => {
    assert.deepEqual(names("--listen=10.1.2.3:443"), ["https://10.1.2.3", "10.1.2.3:443"]);
    assert.deepEqual(names("--listen=0.0.0.0:8443"), ["https://127.0.0.1:8443", "127.0.0.1:8443"]);
    assert.deepEqual(names("--listen=[::]:443"), ["https://127.0.0.1", "127.0.0.1:443"]);
    assert.deepEqual(names("--listen=[::1]:99"), ["https://[::1]:99", "[::1]:99"]);
    const vip = "dcos-registry.marathon.l4lb.thisdcos.directory";
    assert.deepEqual(names("--service-name=dcos-registry"), [`https://${vip}`, `${vip}:443`]);
    const nested = "mycustomdcos-registry.marathon.l4lb.thisdcos.directory";
    assert.deepEqual(names("--service-name=/my/custom/dcos-registry"), [
      `https://${nested}`,
      `${nested}:443`,
    ]);
    const both = ["--service-name=x", "--public-url=https://r.example/base/"];
    assert.deepEqual(names(...both), ["https://r.example/base", "r.example:443"]);
    assert.deepEqual(names(...both, "--image-host=i.example"), [
      "https://r.example/base",
      "i.example",
    ]);
  });

  it("get the port that the system chose, unless they were given", () => {
    const moved = withPort(loadConfig(["--listen=127.0.0.1:0"], {}), 4711);
    assert.deepEqual(
      [moved.listen.port, moved.publicUrl, moved.imageHost],
      [4711, "https://127.0.0.1:4711", "127.0.0.1:4711"],
    );
    const given = loadConfig(["--listen=127.0.0.1:0", "--public-url=https://r.example"], {});
    assert.equal(withPort(given, 4711).publicUrl, "https://r.example");
    assert.ok(Object.isFrozen(moved));
  });

  it("are all in the certificate", () => {
    const config = loadConfig(
      ["--listen=10.0.0.9:443", "--public-url=https://R.example", "--image-host=[::2]:5000"],
      {},
    );
    assert.deepEqual(certificateNamesFor(config), [
      "dcos-registry.marathon.l4lb.thisdcos.directory",
      "dcos-registry.marathon.l4lb.thisdcos.global",
      "r.example",
      "::2",
      "localhost",
      "127.0.0.1",
      "::1",
      "10.0.0.9",
    ]);
    assert.ok(!certificateNamesFor(loadConfig(["--listen=0.0.0.0:443"], {})).includes("0.0.0.0"));
    const renamed = loadConfig(["--service-name=team/reg", "--service-former-name=registry"], {});
    const names = ["teamreg", "registry"].flatMap((name) =>
      ["directory", "global"].map((zone) => `${name}.marathon.l4lb.thisdcos.${zone}`),
    );
    assert.deepEqual(certificateNamesFor(renamed).slice(0, 4), names);
    assert.equal(renamed.publicUrl, `https://${names[0]}`);
  });
});
