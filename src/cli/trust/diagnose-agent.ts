/** What keeps this agent from trusting the registry, with places as the agent knows them. */
import path from "node:path";
import { diagnoseDocker, type TrustFinding } from "./diagnose-docker.ts";
import { homes, type Trusted } from "./trust-places.ts";

/** @param root what stands for `/` of the agent */
export async function diagnoseAgent(root: string, trusted: Trusted): Promise<TrustFinding[]> {
  const found = await diagnoseDocker(path.join(root, homes.docker, "certs.d"), trusted);
  return found.map((finding) => ({ ...finding, place: `/${path.relative(root, finding.place)}` }));
}
