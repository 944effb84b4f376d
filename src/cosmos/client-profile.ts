/**
 * The three generations of Cosmos that fetch a repository, word for word as they ask.
 *
 * Source: UniverseClient and HttpClient of Cosmos 0.3.1, 0.6.0 and 0.6.3; the order of the headers
 * is that of the JDK's HttpURLConnection.
 */

export type RepoVersion = "v3" | "v4" | "v5";

export interface ClientProfile {
  readonly name: "A" | "B" | "C";
  readonly cosmosVersion: string;
  readonly dcosVersion: string;
  /** Best first. */
  readonly reads: readonly RepoVersion[];
  /** Packaging versions that this reader can be given. */
  readonly packagingVersions: readonly string[];
}

export const profiles: readonly ClientProfile[] = [
  {
    name: "A",
    cosmosVersion: "0.6.3",
    dcosVersion: "1.13.1",
    reads: ["v5", "v4", "v3"],
    packagingVersions: ["4.0", "5.0"],
  },
  {
    name: "B",
    cosmosVersion: "0.6.0",
    dcosVersion: "1.11.0",
    reads: ["v4", "v3"],
    packagingVersions: ["2.0", "3.0", "4.0"],
  },
  {
    name: "C",
    cosmosVersion: "0.3.1",
    dcosVersion: "1.9.0",
    reads: ["v3"],
    packagingVersions: ["2.0", "3.0"],
  },
];

export const repositoryType = "application/vnd.dcos.universe.repo+json";

export function repositoryMediaType(version: RepoVersion): string {
  return `${repositoryType};charset=utf-8;version=${version}`;
}

/** Headers of a repository fetch, in the order of the wire. */
export function repositoryHeaders(profile: ClientProfile, host: string): [string, string][] {
  return [
    ["User-Agent", `cosmos/${profile.cosmosVersion} dcos/${profile.dcosVersion}`],
    ["Accept", profile.reads.map(repositoryMediaType).join()],
    ["Accept-Encoding", "gzip"],
    ["Host", host],
    ["Connection", "keep-alive"],
  ];
}

/** Headers of the fetch behind `/package/resource`, which runs with the JDK's own defaults. */
export function resourceHeaders(cosmosVersion: string, host: string): [string, string][] {
  return [
    ["User-Agent", `cosmos/${cosmosVersion}`],
    ["Host", host],
    ["Accept", "text/html, image/gif, image/jpeg, */*; q=0.2"],
    ["Connection", "keep-alive"],
  ];
}
