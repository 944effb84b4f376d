/** How commands tell what is wrong, or doubtful, in a package definition. */
import { type Finding, findingToJson, formatFinding, PackageInvalid } from "../packages/finding.ts";
import { type CliContext, isQuiet } from "./context.ts";
import { printJson } from "./print.ts";

/** Findings that let the command go on, on stderr; notes (W200) only when asked for by `-v`. */
export function printWarnings(findings: readonly Finding[], context: CliContext): void {
  if (isQuiet(context)) return;
  for (const finding of findings.filter((each) => isWanted(each, context))) {
    context.terminal.stderr.write(`${formatFinding(finding)}\n`);
  }
}

/** What a refused definition has to say: on stderr when it is thrown, and with `json` on stdout. */
export function refuse(
  { findings, cause }: PackageInvalid,
  context: CliContext,
  json = false,
): PackageInvalid {
  const shown = findings.filter((finding) => isWanted(finding, context));
  if (json) printJson(context.terminal, { findings: shown.map(findingToJson), ok: false });
  return new PackageInvalid(shown, { cause });
}

function isWanted({ code }: Finding, { verbosity = 0 }: CliContext): boolean {
  return code !== "W200" || verbosity > 0;
}
