/**
 * Protects that `deploy/Dockerfile` makes the image of `npm run image`: buildah builds it, from a base image of this
 * machine's own files, and every file, right, owner and setting of the two is compared.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { writeNodeBaseImage } from "../fixtures/node-base-image.ts";
import { output } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot } from "../fixtures/server-process.ts";

const skip = lacking("buildah", "busybox");
/** As the Dockerfile names it. */
const baseImage = "docker.io/library/node:20-bookworm-slim";
const built = "localhost/built";

/** What the Dockerfile says of how the image is run. Labels are our writer's own. */
const settings = [
  ...["User", "Env", "Entrypoint", "WorkingDir", "Volumes", "ExposedPorts", "StopSignal"],
] as const;

interface Inspected {
  readonly OCIv1: { readonly config: Readonly<Record<string, unknown>> };
}

describe("the Dockerfile", { skip }, () => {
  let scratch: string;

  before(async () => {
    scratch = await makeScratch("dockerfile");
    const container = await buildah("from", "scratch");
    await writeNodeBaseImage(await buildah("mount", container));
    await buildah("commit", "--quiet", container, baseImage);
    await buildah("rm", container);
    const file = path.join(projectRoot, "deploy/Dockerfile");
    const bud = ["bud", "--isolation=chroot", "--pull-never", "--layers=false", "--file", file];
    await buildah(...bud, "--tag", built, projectRoot);
    const release = path.join(projectRoot, "dist/src/release.js");
    await output(process.execPath, [release, "image", "--output-directory", scratch]);
  });
  // All of buildah's storage is in there, and with this driver nothing of it is mounted.
  after(() => removeScratch(scratch));

  /** With storage of the test's own. */
  function buildah(...args: readonly string[]): Promise<string> {
    const places = ["--root", path.join(scratch, "root"), "--runroot", path.join(scratch, "run")];
    return output("buildah", [...places, "--storage-driver=vfs", ...args], {
      cwd: scratch,
      env: { HOME: scratch, TMPDIR: scratch },
      timeoutMs: 600_000,
    });
  }

  /** @returns each file as a line: kind, rights, owner, path, and content or target */
  async function treeOf(container: string): Promise<readonly string[]> {
    const cwd = await buildah("mount", container);
    const list = await output("find", [".", "-printf", "%y %m %U:%G %p %l\\n"], { cwd });
    const sums = await output("sh", ["-c", "find . -type f -print0 | xargs -0 sha256sum"], { cwd });
    // The mount point itself is buildah's.
    return [...list.split("\n").filter((line) => !/ \. $/.test(line)), ...sums.split("\n")].sort();
  }

  async function settingsOf(container: string): Promise<object> {
    const { config } = (JSON.parse(await buildah("inspect", container)) as Inspected).OCIv1;
    return Object.fromEntries(settings.map((name) => [name, config[name]]));
  }

  it("makes the image that our own writer makes", async () => {
    const one = await buildah("from", "--pull-never", built);
    const other = await buildah("from", `oci-archive:${path.join(scratch, "image.tar")}`);
    const [docker, ours] = [await treeOf(one), await treeOf(other)];
    assert.ok(ours.length > 500, `${ours.length} lines`);
    const lacks = ours.filter((line) => !docker.includes(line));
    const more = docker.filter((line) => !ours.includes(line));
    assert.deepEqual({ lacks, more }, { lacks: [], more: [] });
    assert.deepEqual(await settingsOf(one), await settingsOf(other));
  });

  it("makes an image that starts", async () => {
    const container = await buildah("from", "--pull-never", built);
    const main = ["/usr/bin/node", "/opt/dcos-registry/dist/src/main.js", "--version"];
    const version = await buildah("run", "--isolation=chroot", container, "--", ...main);
    assert.match(version, /^\d+\.\d+\.\d+$/);
  });
});
