/** What a run of the benchmark leaves behind, as JSON, and how it reads as Markdown. */
import { arch, cpus, loadavg, totalmem } from "node:os";
import { type Effort, missed, type Part, type Row, rounded } from "./part.ts";

export interface Machine {
  readonly processors: number;
  readonly model: string;
  readonly memoryMiB: number;
  readonly architecture: string;
  readonly node: string;
  /** Of the last 1, 5 and 15 minutes at the end: what the machine did beside this shows in it. */
  readonly load: readonly number[];
}

export interface MeasuredPart {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** Why there are no more rows. */
  readonly failure?: string;
}

export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly effort: Effort;
  readonly parts: readonly MeasuredPart[];
}

export function resultsOf(effort: Effort, parts: readonly MeasuredPart[]): Results {
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model.trim() ?? "unknown",
    memoryMiB: Math.round(totalmem() / 1024 / 1024),
    architecture: arch(),
    node: process.version,
    load: loadavg(),
  };
  return { date: new Date().toISOString(), machine, effort, parts };
}

export function measuredPart({ name, title }: Part, rows: Row[], failure?: string): MeasuredPart {
  return { name, title, rows, ...(failure !== undefined && { failure }) };
}

/** Tables of rows that have the same figures, part by part. */
export function markdown({ date, machine, effort, parts }: Results): string {
  const { processors, model, memoryMiB, node, load } = machine;
  const { rounds, seconds, workers, short } = effort;
  const when = date.slice(0, 16).replace("T", " ");
  const lines = [
    `${when} UTC, ${processors} × ${model}, ${memoryMiB} MiB, Node ${node.slice(1)}, load ${load.map(rounded).join(" ")}.`,
    `Medians of ${rounds} turn(s) of ${seconds} s, ${workers} worker(s), ${short ? "short" : "long"} form.`,
  ];
  for (const { title, rows, failure } of parts) {
    lines.push("", `### ${title}`);
    for (const group of alike(rows)) lines.push("", ...tableOf(group));
    if (failure !== undefined) lines.push("", `Broke off: ${failure.split("\n")[0]}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Rows behind each other with figures of the same names. */
function alike(rows: readonly Row[]): readonly (readonly Row[])[] {
  const groups: { readonly columns: string; readonly rows: Row[] }[] = [];
  for (const row of rows) {
    const columns = Object.keys(row.figures).join();
    const last = groups.at(-1);
    if (last?.columns === columns) last.rows.push(row);
    else groups.push({ columns, rows: [row] });
  }
  return groups.map((group) => group.rows);
}

function tableOf(rows: readonly Row[]): string[] {
  const columns = Object.keys(rows[0]?.figures ?? {});
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const head = ["Workload", ...columns, "Target"];
  const body = rows.map((row) => {
    const cells = columns.map((column) => cellOf(row.figures[column]));
    return line([row.workload, ...cells, targetOf(row)]);
  });
  return [line(head), line(head.map(() => "---")), ...body];
}

function cellOf(value: number | undefined): string {
  return value === undefined ? "" : rounded(value);
}

function targetOf(row: Row): string {
  const { target } = row;
  if (!target) return "";
  const wanted = target.atMost === undefined ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  return `${target.figure} ${wanted}${missed(row, target) ? ", missed" : ""}`;
}
