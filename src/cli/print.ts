/** The two forms in which commands print what the registry answered. */
import { printable, type Terminal } from "./terminal.ts";

export function printJson({ stdout }: Terminal, document: unknown): void {
  stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

export function printLine({ stdout }: Terminal, line: string): void {
  stdout.write(`${printable(line)}\n`);
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function printTable(terminal: Terminal, rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  for (const row of rows) {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    printLine(terminal, cells.join("   ").trimEnd());
  }
}
