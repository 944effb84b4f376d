/**
 * A sign of life across process namespaces: a socket in a directory that somebody listens on.
 *
 * Servers in two containers on one directory cannot see each other's processes. Yet the kernel
 * refuses a connection to a socket whose process is gone, however it went and wherever it was.
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { connect, createServer } from "node:net";
import path from "node:path";
import { codeOf } from "./platform-error.ts";

/** File systems without sockets, as some desktop shares are: there only one's own container is seen. */
const withoutSockets = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP"]);

/** @returns a function that puts it out; the end of the process does so, too */
export async function lightBeacon(directory: string, name: string): Promise<() => Promise<void>> {
  const place = await reach(directory, name);
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(place.socket);
    await once(server, "listening");
  } catch (error) {
    await place.close();
    if (withoutSockets.has(codeOf(error) ?? "")) return async () => undefined;
    throw error;
  }
  server.unref();
  return async () => {
    await new Promise((resolve) => server.close(resolve));
    await place.close();
  };
}

/** False only when it is certain that nobody listens any more. */
export async function isLit(directory: string, name: string): Promise<boolean> {
  const place = await reach(directory, name);
  const socket = connect(place.socket);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    return codeOf(error) !== "ECONNREFUSED" && codeOf(error) !== "ENOENT";
  } finally {
    socket.destroy();
    await place.close();
  }
}

interface Place {
  readonly socket: string;
  close(): Promise<void>;
}

/** The path of a socket has room for some 100 bytes only, so long directories are named by number. */
async function reach(directory: string, name: string): Promise<Place> {
  const numbers = "/proc/self/fd";
  if (!existsSync(numbers)) {
    return { socket: path.join(directory, name), close: async () => undefined };
  }
  const handle = await open(directory, "r");
  return { socket: `${numbers}/${handle.fd}/${name}`, close: () => handle.close() };
}
