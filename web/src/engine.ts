/** Forward and backward in the browser, for exported pages: one row of a dense or a small convolutional network. */

export interface GraphNode {
  name: string;
  op: string;
  parents: number[];
  /** Lengths of one row's value, or of a stored array. */
  shape: number[];
  /** Whether the value has a row for each example: what it is computed from an input. */
  rows: boolean;
  settings: Record<string, any>;
  /** A stored array: parameter, state or constant. */
  value?: Float64Array;
  role: "input" | "parameter" | "stored" | "node";
}

type Numbers = Float64Array;

interface Rule {
  forward(node: GraphNode, reads: Numbers[], parents: GraphNode[]): Numbers;
  /** What goes back to each of the nodes that are read; nothing where there is no derivative. */
  backward(node: GraphNode, g: Numbers, y: Numbers, reads: Numbers[], parents: GraphNode[]): (Numbers | null)[];
}

const size = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);

const pointwise = (f: (x: number, s: any) => number, d: (x: number, y: number, s: any) => number): Rule => ({
  forward: (n, [x]) => x.map((v) => f(v, n.settings)),
  backward: (n, g, y, [x]) => [g.map((v, i) => v * d(x[i], y[i], n.settings))],
});

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** The error function to about 1e-15: its series near zero, a continued fraction beyond. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}

const normal = (x: number): number => 0.5 * (1 + erf(x / Math.SQRT2));

/** Places of a smaller array that a larger one repeats, by the rules of NumPy. */
function spread(from: number[], to: number[]): (i: number) => number {
  if (size(from) === size(to)) return (i) => i;
  if (size(from) === 1) return () => 0;
  const steps: number[] = [];
  let step = 1;
  for (let k = to.length - 1; k >= 0; k--) {
    const own = from[k - (to.length - from.length)] ?? 1;
    steps[k] = own === 1 ? 0 : step;
    step *= own;
  }
  return (i) => {
    let at = 0;
    for (let k = to.length - 1; k >= 0; k--) {
      at += (i % to[k]) * steps[k];
      i = Math.floor(i / to[k]);
    }
    return at;
  };
}

const arithmetic = (
  f: (a: number, b: number) => number,
  d: (a: number, b: number, g: number) => [number, number],
): Rule => ({
  forward(n, [a, b], [p, q]) {
    const [i, j] = [spread(p.shape, n.shape), spread(q.shape, n.shape)];
    return Float64Array.from({ length: size(n.shape) }, (_, k) => f(a[i(k)], b[j(k)]));
  },
  backward(n, g, _y, [a, b], [p, q]) {
    const [i, j] = [spread(p.shape, n.shape), spread(q.shape, n.shape)];
    const [left, right] = [new Float64Array(a.length), new Float64Array(b.length)];
    g.forEach((v, k) => {
      const [u, w] = d(a[i(k)], b[j(k)], v);
      left[i(k)] += u;
      right[j(k)] += w;
    });
    return [left, right];
  },
});

/** Visit every product of a convolution: entry of the output, of the input, of the kernel. */
function convolve(n: GraphNode, x: GraphNode, w: GraphNode, visit: (y: number, x: number, w: number) => void): void {
  const [height, width, channels] = x.shape;
  const [kh, kw, inside, filters] = w.shape;
  const { stride, dilation, pads, groups } = n.settings;
  const [rows, columns] = n.shape;
  const each = filters / groups;
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++)
      for (let a = 0; a < kh; a++)
        for (let b = 0; b < kw; b++) {
          const i = r * stride[0] + a * dilation[0] - pads[0][0];
          const j = c * stride[1] + b * dilation[1] - pads[1][0];
          if (i < 0 || j < 0 || i >= height || j >= width) continue;
          for (let o = 0; o < filters; o++) {
            const first = Math.floor(o / each) * inside;
            for (let k = 0; k < inside; k++)
              visit(
                (r * columns + c) * filters + o,
                (i * width + j) * channels + first + k,
                ((a * kw + b) * inside + k) * filters + o,
              );
          }
        }
}

/** The entries of each window of a pooling, by the place of the window. */
function windows(n: GraphNode, x: GraphNode, visit: (y: number, entries: number[]) => void): void {
  const [height, width, channels] = x.shape;
  const { window, stride, pads } = n.settings;
  const [rows, columns] = n.shape;
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++)
      for (let o = 0; o < channels; o++) {
        const entries: number[] = [];
        for (let a = 0; a < window[0]; a++)
          for (let b = 0; b < window[1]; b++) {
            const i = r * stride[0] + a - pads[0][0];
            const j = c * stride[1] + b - pads[1][0];
            if (i >= 0 && j >= 0 && i < height && j < width) entries.push((i * width + j) * channels + o);
          }
        visit((r * columns + c) * channels + o, entries);
      }
}

const first = (x: Numbers, entries: number[]): number => entries.reduce((a, b) => (x[b] > x[a] ? b : a));

function softmax(x: Numbers): Numbers {
  const most = Math.max(...x);
  const e = x.map((v) => Math.exp(v - most));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

const one = (v: number): Numbers => Float64Array.of(v);

/** A loss of scores and targets that sums over its coordinates. */
const loss = (f: (u: number, y: number) => number, d: (u: number, y: number) => number): Rule => ({
  forward: (_n, [u, y]) => one(u.reduce((sum, v, i) => sum + f(v, y[i]), 0)),
  backward: (_n, g, _y, [u, y]) => [u.map((v, i) => g[0] * d(v, y[i])), null],
});

export const RULES: Record<string, Rule> = {
  affine: {
    forward(n, [x, w, b], [, p]) {
      const [inside, out] = p.shape;
      const rows = x.length / inside;
      const y = new Float64Array(size(n.shape));
      for (let r = 0; r < rows; r++)
        for (let o = 0; o < out; o++) {
          let sum = b ? b[o] : 0;
          for (let i = 0; i < inside; i++) sum += x[r * inside + i] * w[i * out + o];
          y[r * out + o] = sum;
        }
      return y;
    },
    backward(_n, g, _y, [x, w, b], [, p]) {
      const [inside, out] = p.shape;
      const rows = x.length / inside;
      const [dx, dw] = [new Float64Array(x.length), new Float64Array(w.length)];
      const db = b ? new Float64Array(out) : null;
      for (let r = 0; r < rows; r++)
        for (let o = 0; o < out; o++) {
          const v = g[r * out + o];
          if (db) db[o] += v;
          for (let i = 0; i < inside; i++) {
            dx[r * inside + i] += v * w[i * out + o];
            dw[i * out + o] += v * x[r * inside + i];
          }
        }
      return [dx, dw, ...(db ? [db] : [])];
    },
  },
  conv: {
    forward(n, [x, w, b], [p, q]) {
      const y = new Float64Array(size(n.shape));
      if (b) for (let i = 0; i < y.length; i++) y[i] = b[i % b.length];
      convolve(n, p, q, (a, c, k) => void (y[a] += x[c] * w[k]));
      return y;
    },
    backward(n, g, _y, [x, w, b], [p, q]) {
      const [dx, dw] = [new Float64Array(x.length), new Float64Array(w.length)];
      convolve(n, p, q, (a, c, k) => {
        dx[c] += g[a] * w[k];
        dw[k] += g[a] * x[c];
      });
      const db = b && new Float64Array(b.length);
      if (db) g.forEach((v, i) => (db[i % db.length] += v));
      return [dx, dw, ...(db ? [db] : [])];
    },
  },
  max_pool: {
    forward(n, [x], [p]) {
      const y = new Float64Array(size(n.shape));
      windows(n, p, (a, entries) => (y[a] = x[first(x, entries)]));
      return y;
    },
    backward(n, g, _y, [x], [p]) {
      const dx = new Float64Array(x.length);
      windows(n, p, (a, entries) => (dx[first(x, entries)] += g[a]));
      return [dx];
    },
  },
  reshape: { forward: (_n, [x]) => x, backward: (_n, g) => [g] },
  dropout: { forward: (_n, [x]) => x, backward: (_n, g) => [g] },
  relu: pointwise((x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)),
  leaky_relu: pointwise((x, s) => (x > 0 ? x : s.slope * x), (x, _y, s) => (x > 0 ? 1 : s.slope)),
  tanh: pointwise(Math.tanh, (_x, y) => 1 - y * y),
  sigmoid: pointwise(sigmoid, (_x, y) => y * (1 - y)),
  softplus: pointwise((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), (x) => sigmoid(x)),
  gelu: pointwise(
    (x) => x * normal(x),
    (x) => normal(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  ),
  negative: pointwise((x) => -x, () => -1),
  add: arithmetic((a, b) => a + b, (_a, _b, g) => [g, g]),
  subtract: arithmetic((a, b) => a - b, (_a, _b, g) => [g, -g]),
  multiply: arithmetic((a, b) => a * b, (a, b, g) => [g * b, g * a]),
  divide: arithmetic((a, b) => a / b, (a, b, g) => [g / b, (-g * a) / (b * b)]),
  cross_entropy: {
    forward: (_n, [u, y]) => one(-Math.log(softmax(u)[y[0]])),
    backward: (_n, g, _y, [u, y]) => [softmax(u).map((p, i) => g[0] * (p - (i === y[0] ? 1 : 0))), null],
  },
  squared_error: loss((u, y) => 0.5 * (u - y) ** 2, (u, y) => u - y),
  absolute_error: loss((u, y) => Math.abs(u - y), (u, y) => Math.sign(u - y)),
  logistic: loss(
    (u, y) => Math.max(-y * u, 0) + Math.log1p(Math.exp(-Math.abs(y * u))),
    (u, y) => -y * sigmoid(-y * u),
  ),
  hinge: loss((u, y) => Math.max(1 - y * u, 0), (u, y) => (y * u < 1 ? -y : 0)),
};

/** The value of every node up to `last`, for one row given by the names of the inputs. */
export function forward(nodes: GraphNode[], given: Record<string, Numbers>, last = nodes.length - 1): Numbers[] {
  const values: Numbers[] = [];
  nodes.slice(0, last + 1).forEach((n, i) => {
    if (n.role === "input") values[i] = given[n.name];
    else if (n.value) values[i] = n.value;
    else values[i] = RULES[n.op].forward(n, n.parents.map((p) => values[p]), n.parents.map((p) => nodes[p]));
  });
  return values;
}

/** The derivative of the sum of the last node's entries by every node that it depends on. */
export function backward(nodes: GraphNode[], values: Numbers[]): (Numbers | null)[] {
  const found: (Numbers | null)[] = nodes.map(() => null);
  found[nodes.length - 1] = new Float64Array(values[nodes.length - 1].length).fill(1);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const n = nodes[i];
    const g = found[i];
    if (!g || n.role !== "node") continue;
    const sent = RULES[n.op].backward(n, g, values[i], n.parents.map((p) => values[p]), n.parents.map((p) => nodes[p]));
    sent.forEach((part, k) => {
      if (!part) return;
      const before = found[n.parents[k]];
      found[n.parents[k]] = before ? before.map((v, j) => v + part[j]) : Float64Array.from(part);
    });
  }
  return found;
}
