/** Whether the programs of this agent that fetch from the registry trust it. */
import { diagnoseAgent, presentPrograms } from "../trust/diagnose-agent.ts";
import { programs } from "../trust/trust-places.ts";
import { type Check, foundOr, skipped } from "./check.ts";

export const trustCheck: Check = {
  name: "trust",
  async run({ place }) {
    const { root, onNode, certificates, host, port } = place;
    if (!onNode) return skipped("this machine is no node of a cluster");
    if (certificates === undefined)
      return skipped("--ca FILE has to say which CA is to be trusted");
    const there = await presentPrograms(programs, root);
    if (there.length === 0) return skipped("there is neither docker nor Mesos on this machine");
    const found = await diagnoseAgent(root, { host, port, certificates }, there);
    const findings = found.map(({ place: where, problem, hint, harmless }) => ({
      problem: `${where}: ${problem}`,
      fix: hint,
      ...(harmless && { harmless }),
    }));
    return foundOr(findings, `${there.join(", ")}: the registry is trusted`);
  },
};
