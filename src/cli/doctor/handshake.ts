/** Begins a TLS connection to see the certificate, whatever it is worth. */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import type { Place } from "./subject.ts";

export interface Shown {
  readonly certificate: X509Certificate;
  /** OpenSSL's code for why the chain is not trusted; names are not looked at. */
  readonly refusal: string | undefined;
}

const handshakeTimeoutMs = 10_000;

/** @throws what sockets and TLS throw */
export function handshake(
  { host, port, trust }: Pick<Place, "host" | "port" | "trust">,
  address: string,
  signal: AbortSignal,
): Promise<Shown> {
  return new Promise((done, failed) => {
    const socket = connect({
      host: address,
      port,
      ...(isIP(host) === 0 && { servername: host }),
      ...(trust !== undefined && { secureContext: trust }),
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    const abort = (): unknown => socket.destroy(new Error("interrupted"));
    signal.addEventListener("abort", abort, { once: true });
    socket.setTimeout(handshakeTimeoutMs, () => {
      socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
    });
    socket.once("secureConnect", () => {
      const shown = shownBy(socket);
      socket.destroy();
      if (shown) done(shown);
      else failed(new Error("the server shows no certificate"));
    });
    socket.once("error", failed);
    socket.once("close", () => signal.removeEventListener("abort", abort));
  });
}

function shownBy(socket: TLSSocket): Shown | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const { authorized, authorizationError: error } = socket;
  return { certificate, refusal: authorized ? undefined : String(error ?? "UNTRUSTED") };
}
