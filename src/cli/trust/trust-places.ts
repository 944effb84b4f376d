/**
 * The files by which the programs of an agent trust the registry.
 *
 *     /etc/docker/certs.d/HOST/ca.crt, HOST:443/ca.crt          dockerd, skopeo, podman
 *     /etc/containerd/certs.d/HOST/hosts.toml, HOST:443/…       containerd
 *     /var/lib/dcos/pki/tls/certs/dcos-registry-N.crt           the Mesos containerizer and fetcher: one
 *                                                               certificate a file, found by a hashed link
 *
 * Docker and containerd look for the exact form in which an image is named, so both forms get the file.
 */

export const programs = ["docker", "containerd", "mesos"] as const;
export type AgentProgram = (typeof programs)[number];

export interface TrustPlace {
  readonly program: AgentProgram;
  /** Absolute. */
  readonly file: string;
  readonly content: string;
  /** Whether a link with the certificate's hash has to lead to it. */
  readonly hashed?: true;
}

export interface Trusted {
  /** Host name without port. */
  readonly host: string;
  readonly port: number;
  /** PEM, at least one. */
  readonly certificates: readonly string[];
}

/** The directory of each program; a program whose directory is absent is not on the machine. */
export const homes: Readonly<Record<AgentProgram, string>> = {
  docker: "/etc/docker",
  containerd: "/etc/containerd",
  mesos: "/var/lib/dcos/pki/tls/certs",
};

/** `HOST` stands for port 443 alone. */
export function namedForms({ host, port }: Pick<Trusted, "host" | "port">): string[] {
  return port === 443 ? [host, `${host}:443`] : [`${host}:${port}`];
}

export function trustPlaces(program: AgentProgram, trusted: Trusted): TrustPlace[] {
  // Line ends of Windows would not come through a terminal, by which the same text is shown.
  const certificates = trusted.certificates.map((pem) => pem.replaceAll("\r", ""));
  const bundle = `${certificates.join("\n")}\n`;
  const forms = namedForms(trusted);
  switch (program) {
    case "docker":
      return forms.map((form) => ({
        program,
        file: `${homes.docker}/certs.d/${form}/ca.crt`,
        content: bundle,
      }));
    case "containerd":
      return forms.flatMap((form) => {
        const directory = `${homes.containerd}/certs.d/${form}`;
        return [
          { program, file: `${directory}/ca.crt`, content: bundle },
          { program, file: `${directory}/hosts.toml`, content: hostsToml(trusted, directory) },
        ];
      });
    case "mesos":
      return certificates.map((certificate, index) => ({
        program,
        file: `${homes.mesos}/dcos-registry-${index}.crt`,
        content: `${certificate}\n`,
        hashed: true,
      }));
  }
}

function hostsToml({ host, port }: Trusted, directory: string): string {
  const server = `https://${host}:${port}`;
  return `server = "${server}"

[host."${server}"]
  capabilities = ["pull", "resolve", "push"]
  ca = "${directory}/ca.crt"
`;
}
