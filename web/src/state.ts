/** What the page knows, and the part of it that stands in the address. */

import type { Channel, Reply } from "./channel";
import type { Palette } from "./colors";
import type { Live, Progress } from "./live";
import type { Pace } from "./pace";

export const VIEWS = ["graph", "training", "data", "step", "theory", "lessons"] as const;
export type View = (typeof VIEWS)[number];

export const TITLES: Record<View, string> = {
  graph: "Graph",
  training: "Training",
  data: "Data",
  step: "One step",
  theory: "Theory",
  lessons: "Lessons",
};

/** What is generated, and the network for it; the fields of the command "build". */
export interface Chosen {
  data: string;
  rows: number;
  noise: number;
  seed: number;
  hidden: number[];
  filters: number[];
  activation: string;
}

/** How steps are taken; the fields of the command "configure". */
export interface Settings {
  optimizer: string;
  rate: number;
  batch: number;
  penalty: string;
  strength: number;
  seed: number;
}

export interface Column {
  name: string;
  categories: string[];
  low: number;
  high: number;
}

export interface Rows {
  rows: number;
  held: number;
  columns: Column[];
  target: string;
  classes: string[];
  labeled: boolean;
  shape: number[];
  image: boolean;
  decisions: string[];
  dropped: number;
}

export interface Described {
  title: string;
  note: string;
  playground: boolean;
  local?: boolean;
  chosen: Chosen | null;
  own: { name: string; columns: string[] } | null;
  network: string;
  parameters: number;
  nodes: number;
  outputs: number[];
  trainable: boolean;
  cores: number;
  loss: string | null;
  data: Rows | null;
  rows: number;
  shallow: boolean;
  settings: Settings;
  progress: Progress;
  sets: { name: string; title: string; inputs: number }[];
  activations: string[];
  optimizers: string[];
  penalties: string[];
}

/** What every view is given. */
export interface App {
  about: Described;
  running: boolean;
  settings: Settings;
  palette: Palette;
  view: View;
  row: number;
  node: string;
  /** Grows whenever the parameters may have changed. */
  version: number;
  /** Grows whenever the problem is another one. */
  problem: number;
  channel: Channel;
  pace: Pace;
  live: Live;
  ask(command: string, fields?: Record<string, unknown>, file?: ArrayBuffer): Promise<Reply | null>;
  /** `ask` without a sign that the page waits. */
  look: App["ask"];
  choose(part: Partial<{ view: View; row: number; node: string; lesson: [number, number] | null }>): void;
  build(part: Partial<Chosen>): Promise<void>;
  configure(part: Partial<Settings>): Promise<void>;
  act(command: string, fields?: Record<string, unknown>): Promise<void>;
  load(file: File, target?: string): Promise<void>;
  changed(): void;
}

/** The address after "#": everything that another page needs to be the same. */
export function toHash(app: { about: Described; settings: Settings; view: View; row: number; node: string }): string {
  const words = new URLSearchParams();
  words.set("view", app.view);
  if (app.row) words.set("row", String(app.row));
  if (app.node) words.set("node", app.node);
  const chosen = app.about.chosen;
  if (chosen) {
    words.set("data", chosen.data);
    words.set("rows", String(chosen.rows));
    words.set("noise", String(chosen.noise));
    words.set("hidden", chosen.hidden.join(","));
    if (chosen.filters.length) words.set("filters", chosen.filters.join(","));
    words.set("activation", chosen.activation);
    if (app.about.own && chosen.data === "own") {
      words.set("file", app.about.own.name);
      words.set("target", app.about.data!.target);
    }
  }
  const s = app.settings;
  words.set("optimizer", s.optimizer);
  words.set("rate", String(s.rate));
  words.set("batch", String(s.batch));
  if (s.penalty !== "none") {
    words.set("penalty", s.penalty);
    words.set("strength", String(s.strength));
  }
  words.set("seed", String(s.seed));
  return words.toString().replaceAll("%2C", ",");
}

const number = (words: URLSearchParams, name: string, usual: number): number => {
  const found = Number(words.get(name) ?? "");
  return words.has(name) && Number.isFinite(found) ? found : usual;
};

const whole = (words: URLSearchParams, name: string, usual: number): number =>
  Math.max(0, Math.round(number(words, name, usual)));

export const counts = (text: string): number[] =>
  text
    .split(/[ ,;]+/)
    .map(Number)
    .filter((n) => Number.isInteger(n) && n > 0);

/** What an address asks for, beside what there is. */
export function fromHash(hash: string, about: Described) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const view = VIEWS.find((v) => v === words.get("view")) ?? (about.data ? "data" : "graph");
  const seed = whole(words, "seed", about.settings.seed);
  const settings: Settings = {
    optimizer: words.get("optimizer") ?? about.settings.optimizer,
    rate: number(words, "rate", about.settings.rate),
    batch: whole(words, "batch", about.settings.batch),
    penalty: words.get("penalty") ?? about.settings.penalty,
    strength: number(words, "strength", about.settings.strength),
    seed,
  };
  const before = about.chosen;
  const chosen: Chosen | null = before && {
    data: words.get("data") ?? before.data,
    rows: whole(words, "rows", before.rows),
    noise: number(words, "noise", before.noise),
    seed,
    hidden: words.has("hidden") ? counts(words.get("hidden")!) : before.hidden,
    filters: words.has("filters") ? counts(words.get("filters")!) : before.filters,
    activation: words.get("activation") ?? before.activation,
  };
  const file = words.get("file") ?? "";
  return { view, row: whole(words, "row", 0), node: words.get("node") ?? "", settings, chosen, file, target: words.get("target") ?? "" };
}
