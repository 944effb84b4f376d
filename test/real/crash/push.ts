/** All ways in which clients push a blob. */
import type { Digest } from "../../../src/oci/digest.ts";
import type { Random } from "../../random.ts";
import type { Connection } from "./connection.ts";

interface Content {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

type Push = (connection: Connection, repository: string, content: Content) => Promise<void>;

const octets = { "content-type": "application/octet-stream" };

async function session(connection: Connection, repository: string): Promise<string> {
  const { headers } = await connection.fetch(`/v2/${repository}/blobs/uploads/`, [202], {
    method: "POST",
  });
  return String(headers["location"]);
}

const ways: readonly Push[] = [
  async (connection, repository, { digest, bytes }) => {
    await connection.fetch(`/v2/${repository}/blobs/uploads/?digest=${digest}`, [201], {
      method: "POST",
      headers: octets,
      body: bytes,
    });
  },
  async (connection, repository, { digest, bytes }) => {
    const location = await session(connection, repository);
    await connection.fetch(`${location}?digest=${digest}`, [201], {
      method: "PUT",
      headers: octets,
      body: bytes,
    });
  },
  async (connection, repository, { digest, bytes }) => {
    const location = await session(connection, repository);
    const half = Math.ceil(bytes.byteLength / 2);
    for (const body of [bytes.subarray(0, half), bytes.subarray(half)]) {
      await connection.fetch(location, [202], { method: "PATCH", headers: octets, body });
    }
    await connection.fetch(`${location}?digest=${digest}`, [201], { method: "PUT" });
  },
  async (connection, repository, content) => {
    const { status } = await connection.fetch(
      `/v2/${repository}/blobs/${content.digest}`,
      [200, 404],
      { method: "HEAD" },
    );
    if (status === 404) await ways[0]?.(connection, repository, content);
  },
  async (connection, repository, content) => {
    const mount = `?mount=${content.digest}&from=team/other`;
    const target = `/v2/${repository}/blobs/uploads/${mount}`;
    const { status, headers } = await connection.fetch(target, [201, 202], { method: "POST" });
    if (status === 201) return;
    await connection.fetch(`${headers["location"]}?digest=${content.digest}`, [201], {
      method: "PUT",
      headers: octets,
      body: content.bytes,
    });
  },
];

export function pushBlob(
  random: Random,
  connection: Connection,
  repository: string,
  content: Content,
): Promise<void> {
  return random.pick(ways)(connection, repository, content);
}
