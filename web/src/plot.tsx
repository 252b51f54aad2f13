/** Axes and curves in SVG. */

import { digits } from "./format";

export interface Scale {
  (x: number): number;
  back(p: number): number;
  ticks: number[];
  low: number;
  high: number;
}

/** A linear scale from an interval to pixels, with about so many round ticks. */
export function linear(low: number, high: number, from: number, to: number, about = 5): Scale {
  if (!(high > low)) [low, high] = [low - 1, low + 1];
  const wide = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(wide));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= wide)!;
  const ticks: number[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) ticks.push(k * step);
  const scale = ((x: number) => from + ((x - low) / (high - low)) * (to - from)) as Scale;
  scale.back = (p) => low + ((p - from) / (to - from)) * (high - low);
  return Object.assign(scale, { ticks, low, high });
}

/** A logarithmic one; both ends are positive. */
export function logarithmic(low: number, high: number, from: number, to: number): Scale {
  if (!(high > low)) [low, high] = [low / 2, low * 2];
  const a = Math.log10(low);
  const b = Math.log10(high);
  const every = Math.max(1, Math.ceil((b - a) / 7));
  let ticks: number[] = [];
  for (let k = Math.ceil(a - 1e-9); k <= b + 1e-9; k += every) ticks.push(10 ** k);
  for (const within of [[1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    if (ticks.length > 2) break;
    ticks = [];
    for (let k = Math.floor(a); k <= b; k++)
      for (const m of within) if (m * 10 ** k >= low && m * 10 ** k <= high) ticks.push(m * 10 ** k);
  }
  const scale = ((x: number) => from + ((Math.log10(Math.max(x, low)) - a) / (b - a)) * (to - from)) as Scale;
  scale.back = (p) => 10 ** (a + ((p - from) / (to - from)) * (b - a));
  return Object.assign(scale, { ticks, low, high });
}

export interface Frame {
  x: Scale;
  y: Scale;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export const LEFT = 58;
export const BOTTOM = 38;

export function Axes({ frame, across, up }: { frame: Frame; across: string; up: string }) {
  const { x, y, left, right, top, bottom } = frame;
  return (
    <g class="axes">
      {x.ticks.map((t) => (
        <g key={t}>
          <line x1={x(t)} x2={x(t)} y1={top} y2={bottom} class="grid" />
          <text x={x(t)} y={bottom + 16} text-anchor="middle">
            {digits(t)}
          </text>
        </g>
      ))}
      {y.ticks.map((t) => (
        <g key={t}>
          <line x1={left} x2={right} y1={y(t)} y2={y(t)} class="grid" />
          <text x={left - 7} y={y(t) + 4} text-anchor="end">
            {digits(t)}
          </text>
        </g>
      ))}
      <rect x={left} y={top} width={Math.max(0, right - left)} height={Math.max(0, bottom - top)} class="frame" />
      <text x={(left + right) / 2} y={bottom + 33} text-anchor="middle" class="name">
        {across}
      </text>
      <text x={up.length > 7 ? 8 : left - 7} y={top - 9} text-anchor={up.length > 7 ? "start" : "end"} class="name">
        {up}
      </text>
    </g>
  );
}

const tenths = (v: number): number => Math.round(10 * v) / 10;

export function path(xs: ArrayLike<number>, ys: ArrayLike<number>, frame: Frame): string {
  let d = "";
  let pen = false;
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(ys[i])) {
      pen = false;
      continue;
    }
    d += `${pen ? "L" : "M"}${tenths(frame.x(xs[i]))} ${tenths(frame.y(ys[i]))}`;
    pen = true;
  }
  return d;
}

/** Marks of the classes: shapes that tell them apart without their colors. */
export function mark(g: CanvasRenderingContext2D, kind: number, x: number, y: number, r: number): void {
  g.beginPath();
  const corners: Record<number, number[][]> = {
    1: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    2: [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]],
    3: [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]],
    4: [[0, 1.3], [1.2, -0.9], [-1.2, -0.9]],
  };
  const shape = corners[kind % 5];
  if (!shape) g.arc(x, y, r, 0, 2 * Math.PI);
  else {
    shape.forEach(([a, b], i) => (i ? g.lineTo(x + a * r * 0.95, y + b * r * 0.95) : g.moveTo(x + a * r * 0.95, y + b * r * 0.95)));
    g.closePath();
  }
}
