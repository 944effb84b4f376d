/** Sizes as the original CLI prints them: decimal units, one digit behind the point below 10. */

const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** `206 MB`, `8.3 MB`, `512 B`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  const rounded = Math.round(value * 10) / 10;
  return `${rounded < 10 ? rounded.toFixed(1) : Math.round(value)} ${units[power]}`;
}
