/** Whether dockerd on this agent trusts the registry. */
import { access } from "node:fs/promises";
import path from "node:path";
import { diagnoseAgent } from "../trust/diagnose-agent.ts";
import { homes } from "../trust/trust-places.ts";
import { type Check, foundOr, skipped } from "./check.ts";

export const trustCheck: Check = {
  name: "trust",
  async run({ place }) {
    const { root, onNode, certificates, host, port } = place;
    if (!onNode) return skipped("this machine is no node of a cluster");
    if (certificates === undefined)
      return skipped("--ca FILE has to say which CA is to be trusted");
    const absent = await access(path.join(root, homes.docker)).then(
      () => false,
      () => true,
    );
    if (absent) return skipped("there is no docker on this machine");
    const found = await diagnoseAgent(root, { host, port, certificates });
    const findings = found.map(({ place: where, problem, hint, harmless }) => ({
      problem: `${where}: ${problem}`,
      fix: hint,
      ...(harmless && { harmless }),
    }));
    return foundOr(findings, "docker trusts the registry");
  },
};
