/** When a refusal is sent: after a small body, in the middle of a large one, without an absent one. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { type IdentityServer, startIdentityServer } from "./identity-fixture.ts";

describe("a refused request with a body", () => {
  let server: IdentityServer;

  before(async () => {
    server = await startIdentityServer();
  });
  after(() => server.close());

  interface Conversation {
    readonly socket: Socket;
    readonly received: () => string;
    /** Until the answer's headers are here. */
    readonly answered: () => Promise<string>;
  }

  async function begin(length: number, body: string): Promise<Conversation> {
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    const answered = async (): Promise<string> => {
      while (!text.includes("\r\n\r\n")) await once(socket, "data");
      return text;
    };
    socket.write(
      `PUT /write HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n${body}`,
    );
    return { socket, received: () => text, answered };
  }

  it("is answered after a small body, on a connection that lives on", async () => {
    const { socket, received, answered } = await begin(10, "first");
    // The server has had the time to answer, as it has answered somebody else meanwhile.
    assert.equal((await server.fetch("/write", { method: "PUT", body: "x" })).status, 401);
    assert.equal(received(), "");
    socket.write("later");
    const answer = await answered();
    assert.match(answer, /^HTTP\/1\.1 401 /);
    assert.doesNotMatch(answer, /connection: close/i);
    socket.destroy();
  });

  it("is answered in the middle of a large body, and the connection ends", async () => {
    const { socket, answered } = await begin(1024 * 1024, "first");
    const answer = await answered();
    assert.match(answer, /^HTTP\/1\.1 401 /);
    assert.match(answer, /connection: close/i);
    socket.destroy();
  });

  it("is answered when the announced body never comes", async () => {
    const { socket, answered } = await begin(10, "");
    const answer = await answered();
    assert.match(answer, /^HTTP\/1\.1 401 /);
    assert.match(answer, /connection: close/i);
    socket.destroy();
  });
});
