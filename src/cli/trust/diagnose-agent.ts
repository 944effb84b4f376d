/** What keeps programs of this agent from trusting the registry, with places as the agent knows them. */
import { access } from "node:fs/promises";
import path from "node:path";
import { diagnoseContainerd } from "./diagnose-containerd.ts";
import { diagnoseDocker } from "./diagnose-docker.ts";
import { diagnoseMesos } from "./diagnose-mesos.ts";
import type { TrustFinding } from "./trust-finding.ts";
import { type AgentProgram, homes, type Trusted } from "./trust-places.ts";

/**
 * Looks at the programs that are on the agent.
 *
 * @param root what stands for `/` of the agent
 */
export async function diagnoseAgent(
  root: string,
  trusted: Trusted,
  programs: readonly AgentProgram[],
): Promise<TrustFinding[]> {
  const found: TrustFinding[] = [];
  for (const program of programs) found.push(...(await diagnose(program, root, trusted)));
  return found.map((finding) => ({ ...finding, place: `/${path.relative(root, finding.place)}` }));
}

function diagnose(
  program: AgentProgram,
  root: string,
  trusted: Trusted,
): Promise<readonly TrustFinding[]> {
  const home = path.join(root, homes[program]);
  switch (program) {
    case "docker":
      return diagnoseDocker(path.join(home, "certs.d"), trusted);
    case "containerd":
      return diagnoseContainerd(home, root, trusted);
    case "mesos":
      return diagnoseMesos(home, trusted);
  }
}

/** Those of `wanted` whose directory is on the agent. */
export async function presentPrograms(
  wanted: readonly AgentProgram[],
  root: string,
): Promise<AgentProgram[]> {
  const found = await Promise.all(
    wanted.map((program) =>
      access(path.join(root, homes[program])).then(
        () => [program],
        () => [],
      ),
    ),
  );
  return found.flat();
}
