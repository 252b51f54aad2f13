/** The loss by step, of this run and of those before it. */

import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { digits } from "../format";
import { useSize } from "../hooks";
import { Axes, BOTTOM, LEFT, linear, logarithmic, path, type Frame } from "../plot";
import type { App } from "../state";

/** A run's curve. One that grows is drawn in pieces, and `whole` is another number where its points are others. */
export interface Line {
  color: string;
  steps: number[];
  loss: number[];
  validation: number[];
  whole?: number;
}

const PIECE = 64; // points; while a curve grows only its last piece is drawn again
const NOTCHES = 16; // of a factor of ten, by which the ends of the axes move while it grows

/** The next number, up or down, where an axis may end. */
const notch = (value: number, round: (v: number) => number): number =>
  value > 0 ? 10 ** (round(NOTCHES * Math.log10(value)) / NOTCHES) : value;

export function Curves(props: { app: App; logX: boolean; logY: boolean; now: Line | null; earlier: Line[] }) {
  const { app, logX, logY, now, earlier } = props;
  const [box, width, height] = useSize<HTMLDivElement>();
  const all = now ? [now, ...earlier] : earlier;
  let [most, low, high, positive] = [1, Infinity, -Infinity, Infinity];
  for (const { steps, loss, validation } of all) {
    most = Math.max(most, steps[steps.length - 1] ?? 1);
    for (const values of [loss, validation])
      for (const v of values) {
        if (!Number.isFinite(v)) continue;
        if (v > 0 && v < positive) positive = v;
        if (v < low) low = v;
        if (v > high) high = v;
      }
  }
  const log = logY && positive < Infinity;
  const steady = app.running ? notch : (value: number) => value;
  const last = steady(logX ? Math.max(most, 10) : most, Math.ceil);
  const bottom = steady(log ? positive / 1.15 : Math.min(0, low), Math.floor);
  const top = steady(log ? Math.max(high, positive * 1.01) * 1.15 : high * 1.05, Math.ceil);
  const frame: Frame = useMemo(() => {
    const edges = { left: LEFT, right: width - 16, top: 22, bottom: height - BOTTOM - 4 };
    return {
      x: logX ? logarithmic(1, last, edges.left, edges.right) : linear(0, last, edges.left, edges.right),
      y: (log ? logarithmic : linear)(bottom, top, edges.bottom, edges.top),
      ...edges,
    };
  }, [width, height, logX, log, last, bottom, top]);
  const axes = useMemo(() => <Axes frame={frame} across="step" up="loss" />, [frame]);
  const others = useMemo(() => earlier.map((line, i) => <g key={i}>{pieces(line, frame, 1.2, [])}</g>), [earlier, frame]);
  const drawn = useMemo<VNode[]>(() => [], [frame, now?.whole, now?.color]);
  return (
    <div class="canvas" ref={box}>
      {width > 0 && most < 2 && (
        <div class="message">
          <span>The loss is drawn here, step by step, once training has begun.</span>
          <button class="primary" disabled={app.running} onClick={() => void app.act("run")}>
            ▶ Train
          </button>
        </div>
      )}
      {width > 0 && most > 1 && high > -Infinity && (
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={`loss by step: ${digits(app.live.progress.loss)} after ${app.live.progress.step} steps`}
        >
          {axes}
          {others}
          {now && <g>{pieces(now, frame, 2, drawn)}</g>}
        </svg>
      )}
    </div>
  );
}

/** The curve in pieces, which have an end in common; `drawn` are those that are full, and takes those that became so. */
function pieces(line: Line, frame: Frame, wide: number, drawn: VNode[]): VNode[] {
  const { steps, loss, validation } = line;
  const made = [...drawn];
  for (let from = made.length * PIECE; from < steps.length - 1; from += PIECE) {
    const to = Math.min(from + PIECE + 1, steps.length);
    const part = (values: number[]) => values.slice(from, to);
    const validated: number[] = []; // where; not every point of the curve is
    for (let i = lastKnown(validation, from); i < to; i++) if (Number.isFinite(validation[i])) validated.push(i);
    const measured = (values: number[]) => validated.map((i) => values[i]);
    const piece = (
      <g key={from} stroke={line.color} fill="none" stroke-width={wide}>
        <path d={path(part(steps), part(loss), frame)} />
        <path d={path(measured(steps), measured(validation), frame)} stroke-dasharray="5 4" stroke-width={wide * 0.8} />
      </g>
    );
    if (from + PIECE < steps.length) drawn.push(piece);
    made.push(piece);
  }
  return made;
}

/** The place of the last value up to `at` that is known; 0 where none is. */
function lastKnown(values: number[], at: number): number {
  while (at > 0 && !Number.isFinite(values[at])) at--;
  return at;
}
