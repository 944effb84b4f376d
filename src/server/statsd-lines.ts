/**
 * Figures as StatsD takes them: names only, no tags, which DC/OS' collector does not read.
 *
 * A sample's label values follow its name behind dots. Counters are told as what was added since the last
 * time, gauges as they are, a histogram as the number of what was observed since then and its mean.
 */

/** One line of Prometheus' text. */
interface Sample {
  readonly name: string;
  /** Values of its labels, in their order. */
  readonly labels: readonly string[];
  readonly value: number;
}

/** Names of ours only: what a process of Node needs, DC/OS measures itself. */
const own = "dcos_registry_";

export class StatsdLines {
  /** Series → its value the last time. */
  #before: ReadonlyMap<string, number> = new Map();

  /**
   * @param text all figures, in Prometheus' text format
   * @returns `name:value|type` each, without line ends
   */
  next(text: string): string[] {
    const types = typesIn(text);
    const samples = samplesIn(text);
    const now = new Map(samples.map((sample) => [seriesOf(sample), sample.value]));
    const lines = samples.flatMap((sample) => this.#linesOf(sample, types, now));
    this.#before = now;
    return lines;
  }

  #linesOf(
    sample: Sample,
    types: ReadonlyMap<string, string>,
    now: ReadonlyMap<string, number>,
  ): string[] {
    const { name, value } = sample;
    const series = seriesOf(sample);
    if (types.get(name) === "gauge") return gauge(series, value);
    if (types.get(name) === "counter") return counter(series, this.#added(series, now));
    const base = name.replace(/_count$/, "");
    if (base === name || types.get(base) !== "histogram") return [];
    const count = this.#added(series, now);
    if (count === 0) return [];
    const sum = this.#added(seriesOf({ ...sample, name: `${base}_sum` }), now);
    const mean = gauge(seriesOf({ ...sample, name: `${base}_mean` }), sum / count);
    return [...counter(series, count), ...mean];
  }

  /** A worker that dies takes its share along: what is less than before has added nothing. */
  #added(series: string, now: ReadonlyMap<string, number>): number {
    return Math.max(0, (now.get(series) ?? 0) - (this.#before.get(series) ?? 0));
  }
}

function counter(series: string, added: number): string[] {
  return added === 0 ? [] : [`${series}:${decimal(added)}|c`];
}

/** A sign would make it a change of the last value, so what is below zero is counted down from there. */
function gauge(series: string, value: number): string[] {
  if (!Number.isFinite(value)) return [];
  const line = `${series}:${decimal(value)}|g`;
  return value < 0 ? [`${series}:0|g`, line] : [line];
}

/** Never with an exponent. */
function decimal(value: number): string {
  return Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(6);
}

function seriesOf({ name, labels }: Pick<Sample, "name" | "labels">): string {
  const words = labels.map((label) => label.replace(/[^A-Za-z0-9_-]+/g, "_").slice(0, 64));
  return [name, ...words.filter((word) => word !== "")].join(".");
}

function typesIn(text: string): ReadonlyMap<string, string> {
  const lines = text.matchAll(/^# TYPE (\w+) (\w+)$/gm);
  return new Map(Array.from(lines, ([, name = "", type = ""]) => [name, type]));
}

function samplesIn(text: string): Sample[] {
  const lines = text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm);
  return Array.from(lines, ([, name = "", labels = "", value]) => ({
    name,
    labels: Array.from(labels.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, label = ""]) => label),
    value: Number(value),
  })).filter(({ name }) => name.startsWith(own) && !name.endsWith("_bucket"));
}
