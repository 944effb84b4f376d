/** Sizes as the original CLI prints them: decimal units, one digit behind the point below 10. */

const units = ["kB", "MB", "GB", "TB", "PB"];

/** `206 MB`, `8.3 MB`, `512 B`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = "B";
  for (const larger of units) {
    if (Math.round(value) < 1000) break;
    value /= 1000;
    unit = larger;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
