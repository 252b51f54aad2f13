/** An exported page's own Python: the commands that it can answer alone, from the network that stands in the page. */

import type { Model } from "./channel";
import { backward, forward, type GraphNode } from "./engine";
import type { Described } from "./state";

export interface Exported {
  describe: Described;
  graph: any;
  nodes: (Omit<GraphNode, "value"> & { value?: string })[];
  /** Places of the nodes whose value is the output of the network, and of the target's input. */
  output: number;
  inputs: string;
  targets: string | null;
  rows: number;
  held: number[];
  unit: [number, number];
}

const COUNT = 100; // places along a side of a surface

function floats(text: string): Float32Array {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** Answers commands as the explorer in Python does, with the same names and shapes. */
export class Local {
  readonly nodes: GraphNode[];
  private inputs: Float32Array;
  private targets: Float32Array | null;
  private width: number;
  private input: string;
  private target: string | null;

  constructor(private given: Exported) {
    this.nodes = given.nodes.map((n) => ({ ...n, value: n.value === undefined ? undefined : Float64Array.from(floats(n.value)) }));
    this.inputs = floats(given.inputs);
    this.targets = given.targets === null ? null : floats(given.targets);
    this.width = this.inputs.length / given.rows;
    const sources = this.nodes.filter((n) => n.role === "input");
    this.input = sources[0].name;
    this.target = sources[1]?.name ?? null;
  }

  row(i: number): Record<string, Float64Array> {
    const found = { [this.input]: Float64Array.from(this.inputs.subarray(i * this.width, (i + 1) * this.width)) };
    if (this.target && this.targets) found[this.target] = Float64Array.of(this.targets[i]);
    return found;
  }

  predict(row: Float64Array): { value: number; confidence: number } {
    const scores = forward(this.nodes, { [this.input]: row }, this.given.output)[this.given.output];
    const classes = this.given.describe.data?.classes.length ?? 0;
    if (!classes) return { value: scores[0] * this.given.unit[1] + this.given.unit[0], confidence: 1 };
    if (scores.length === 1) return { value: scores[0] > 0 ? 1 : 0, confidence: 1 / (1 + Math.exp(-Math.abs(scores[0]))) };
    const most = Math.max(...scores);
    const sum = scores.reduce((a, v) => a + Math.exp(v - most), 0);
    return { value: scores.indexOf(most), confidence: 1 / sum };
  }

  answer(message: any): { kind: string; data: any; buffers?: Record<string, ArrayLike<number>> } {
    const { describe, graph } = this.given;
    switch (message.command) {
      case "describe":
        return { kind: "describe", data: describe };
      case "graph":
        return { kind: "graph", data: graph };
      case "statistics":
        return { kind: "statistics", data: { nodes: [], problems: [], rows: 0 } };
      case "inspect":
        return this.inspect(message.node, message.row);
      case "points": {
        const column = (k: number) => Float32Array.from({ length: this.given.rows }, (_, i) => this.inputs[i * this.width + k]);
        const held = new Set(this.given.held);
        const buffers: Record<string, ArrayLike<number>> = {
          first: column(message.first),
          second: column(Math.min(message.second, this.width - 1)),
          row: Array.from({ length: this.given.rows }, (_, i) => i),
          held: Array.from({ length: this.given.rows }, (_, i) => (held.has(i) ? 1 : 0)),
        };
        if (this.targets) buffers.target = this.targets.map((t) => (describe.data!.classes.length ? t : t * this.given.unit[1] + this.given.unit[0]));
        return { kind: "points", data: { rows: this.given.rows, of: this.given.rows }, buffers };
      }
      case "surface":
        return this.surface(message.first, message.second, message.row);
      case "rows":
        return this.rows(message);
      case "confusion":
        return this.confusion(message.part);
      default:
        return { kind: "error", data: { text: "This page stands alone: it cannot be trained.\n  fix: reseau explore" } };
    }
  }

  private inspect(name: string, row: number) {
    const i = this.nodes.findIndex((n) => n.name === name);
    if (i < 0) return { kind: "error", data: { text: `the network has no node ${name}` } };
    const values = forward(this.nodes, this.row(row));
    const derivative = backward(this.nodes, values)[i];
    const n = this.nodes[i];
    const reads = n.parents.map((p) => this.nodes[p].name);
    const data = {
      name,
      row,
      what: n.op || n.role,
      formula: reads.length ? `${n.op}(${reads.join(", ")})` : n.role,
      shape: n.rows ? [1, ...n.shape] : n.shape,
      parameter: n.role === "parameter",
      reads,
      read_by: this.nodes.filter((c) => c.parents.includes(i)).map((c) => c.name),
      scalar: this.target ? "the loss of this row" : "the sum of the outputs",
    };
    const buffers: Record<string, ArrayLike<number>> = { value: values[i] };
    if (derivative && n.name !== this.target) buffers.derivative = derivative;
    return { kind: "inspect", data, buffers };
  }

  private surface(first: number, second: number, row: number) {
    const columns = this.given.describe.data!.columns;
    const reach = (k: number): [number, number] => {
      const { low, high } = columns[k];
      const margin = 0.08 * (high - low) || 1;
      return [low - margin, high + margin];
    };
    const axes = this.width === 1 ? [first] : [first, second];
    const ranges = axes.map(reach);
    const base = this.row(row)[this.input];
    const size = axes.length === 1 ? 4 * COUNT : COUNT;
    const total = axes.length === 1 ? size : size * size;
    const [value, confidence] = [new Float32Array(total), new Float32Array(total)];
    for (let i = 0; i < total; i++) {
      const at = Float64Array.from(base);
      axes.forEach((k, a) => {
        const place = a ? Math.floor(i / size) : i % size;
        at[k] = ranges[a][0] + ((ranges[a][1] - ranges[a][0]) * place) / (size - 1);
      });
      const found = this.predict(at);
      value[i] = found.value;
      confidence[i] = found.confidence;
    }
    return { kind: "surface", data: { axes, ranges, size, row }, buffers: { value, confidence } };
  }

  private places(part: string): number[] {
    const held = new Set(this.given.held);
    const all = Array.from({ length: this.given.rows }, (_, i) => i);
    return part === "held" && held.size ? this.given.held : part === "train" ? all.filter((i) => !held.has(i)) : all;
  }

  private rows(m: any) {
    const { describe, unit } = this.given;
    const classes = describe.data!.classes;
    const lines = this.places(m.part).map((row) => {
      const given = this.row(row);
      const values = forward(this.nodes, given);
      const found = this.predict(given[this.input]);
      const target = this.targets?.[row];
      return {
        row,
        line: row + 1,
        unit: "row",
        loss: this.target ? values[this.nodes.length - 1][0] : 0,
        confidence: found.confidence,
        held: this.given.held.includes(row),
        classes: [target, found.value],
        predicted: classes.length ? classes[found.value] : found.value,
        true: target === undefined ? null : classes.length ? classes[target] : target * unit[1] + unit[0],
        cells: [...given[this.input].subarray(0, describe.data!.columns.length ? 12 : 0)],
      };
    });
    const wanted = lines
      .filter((l) => (m.true < 0 || l.classes[0] === m.true) && (m.predicted < 0 || l.classes[1] === m.predicted))
      .sort((a, b) => b.loss - a.loss);
    const shown = wanted.slice(m.offset, m.offset + m.count);
    const images = new Float32Array(shown.length * this.width);
    shown.forEach((l, i) => images.set(this.inputs.subarray(l.row * this.width, (l.row + 1) * this.width), i * this.width));
    const columns = describe.data!.columns.slice(0, 12).map((c) => c.name);
    const data = { rows: shown, total: wanted.length, part: m.part, offset: m.offset, columns };
    return { kind: "rows", data, buffers: (describe.data!.image ? { images } : {}) as Record<string, Float32Array> };
  }

  private confusion(part: string) {
    const classes = this.given.describe.data!.classes;
    const places = this.places(part);
    const predicted = places.map((i) => this.predict(this.row(i)[this.input]).value);
    const [shift, scale] = classes.length ? [0, 1] : this.given.unit;
    const target = places.map((i) => this.targets![i] * scale + shift);
    if (classes.length) {
      const matrix = classes.map(() => classes.map(() => 0));
      target.forEach((t, i) => matrix[t][predicted[i]]++);
      const right = matrix.reduce((sum, line, i) => sum + line[i], 0);
      return { kind: "confusion", data: { part, rows: places.length, matrix, accuracy: right / places.length } };
    }
    const errors = target.map((t, i) => predicted[i] - t);
    const mean = target.reduce((a, b) => a + b, 0) / target.length;
    const square = errors.reduce((a, e) => a + e * e, 0);
    const spread = target.reduce((a, t) => a + (t - mean) ** 2, 0);
    const data = {
      part,
      rows: places.length,
      rmse: Math.sqrt(square / target.length),
      mae: errors.reduce((a, e) => a + Math.abs(e), 0) / target.length,
      r2: spread ? 1 - square / spread : null,
    };
    return { kind: "confusion", data, buffers: { target, predicted, row: places } };
  }
}

/** The same answers as messages. */
export function localModel(local: Local): Model {
  let listener: (content: any, buffers: DataView[]) => void = () => {};
  return {
    on(_name, callback) {
      listener = callback;
    },
    send(content: any) {
      const { kind, data, buffers = {} } = local.answer(content);
      const arrays = Object.entries(buffers).map(([name, a]) => ({ name, array: Float32Array.from(a) }));
      const told = arrays.map(({ name, array }) => ({ name, shape: [array.length], type: "float32" }));
      setTimeout(() =>
        listener({ kind, data, number: content.number, buffers: told }, arrays.map(({ array }) => new DataView(array.buffer))),
      );
    },
  };
}
