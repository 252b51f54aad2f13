/** Predictions over a line or a plane, the rows on top. */

import { useMemo } from "preact/hooks";
import type { Arrays, Reply } from "../channel";
import { classColor, diverging, rgb, type Palette } from "../colors";
import { useDrawing, useLive, useReply, useSize } from "../hooks";
import { Axes, BOTTOM, LEFT, linear, mark, path, type Frame } from "../plot";
import type { App } from "../state";

export function Landscape({ app, first, second }: { app: App; first: number; second: number }) {
  const [box, width, height] = useSize<HTMLDivElement>();
  const data = app.about.data!;
  const many = data.columns.length > 2;
  const points = useReply(app, "points", { first, second: data.columns.length > 1 ? second : 0 }, [first, second]);
  const surface = useLive(app, "surface", { first, second, row: app.row, size: app.running ? 100 : 200 }, [
    first,
    second,
    many ? app.row : 0,
    app.running,
  ]);
  const line = surface ? surface.data.axes.length === 1 : data.columns.length === 1;
  const frame = useMemo(
    () => (surface && width ? frameOf(surface, points?.arrays, data.classes.length, width, height) : null),
    [surface, points, width, height],
  );
  const plane = useDrawing(
    width,
    height,
    (g) => surface && points && frame && !line && fill(g, app.palette, surface, points.arrays, frame, data.classes.length),
    [surface, points, frame, app.palette],
  );
  const ends = frame && [frame.x.low, frame.x.high, frame.y.low, frame.y.high].join();
  const rows = useDrawing(
    width,
    height,
    (g) => surface && points && frame && dots(g, app, points.arrays, frame, line, data.classes.length),
    [!surface, points, ends, app.row, app.palette],
  );
  const name = (i: number) => data.columns[i]?.name ?? `x${i + 1}`;
  const choose = (e: MouseEvent) => {
    if (!points || !frame) return;
    const r = rows.current!.getBoundingClientRect();
    const { first: a, second: b, target, row } = points.arrays;
    let best = 12 ** 2;
    let found = -1;
    for (let i = 0; i < a.length; i++) {
      const x = frame.x(a[i]) - (e.clientX - r.left);
      const y = frame.y(line ? (target?.[i] ?? 0) : b[i]) - (e.clientY - r.top);
      if (x * x + y * y < best) [best, found] = [x * x + y * y, row[i]];
    }
    if (found >= 0) app.choose({ row: found });
  };
  const up = line ? (data.classes.length ? "class" : data.target) : name(second);
  return (
    <div class="canvas" ref={box}>
      <canvas ref={plane} aria-hidden="true" />
      <canvas
        ref={rows}
        role="img"
        aria-label={`predictions of ${data.target} by ${name(first)}${line ? "" : ` and ${name(second)}`}`}
        onClick={choose}
      />
      {frame && (
        <svg class="over" width={width} height={height} aria-hidden="true">
          <Axes frame={frame} across={name(first)} up={up} />
          {line && surface && <Curve app={app} surface={surface} frame={frame} />}
        </svg>
      )}
    </div>
  );
}

function frameOf(surface: Reply, points: Arrays | undefined, classes: number, width: number, height: number): Frame {
  const [left, right, top, bottom] = [LEFT, width - 14, 22, height - BOTTOM - 4];
  const [[x1, x2], second] = surface.data.ranges;
  let [low, high] = second ?? [0, 1];
  if (!second) {
    const shown = [...surface.arrays.value, ...(points?.target ?? [])];
    low = Math.min(...shown);
    high = Math.max(...shown);
    if (classes) [low, high] = [-0.5, classes - 0.5];
    const reach = 0.06 * (high - low || 1);
    [low, high] = [low - reach, high + reach];
  }
  return { x: linear(x1, x2, left, right), y: linear(low, high, bottom, top), left, right, top, bottom };
}

function Curve({ app, surface, frame }: { app: App; surface: Reply; frame: Frame }) {
  const [low, high] = surface.data.ranges[0];
  const n = surface.arrays.value.length;
  const xs = Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));
  return <path d={path(xs, surface.arrays.value, frame)} fill="none" stroke={app.palette.accent} stroke-width={2.5} />;
}

/** The plane: the color of the class, paler where it is less probable; or of the number, from blue to orange. */
export function fill(
  g: CanvasRenderingContext2D,
  p: Palette,
  surface: Reply,
  points: Arrays | undefined,
  frame: Frame,
  classes: number,
): void {
  const size = surface.data.size as number;
  const { value, confidence } = surface.arrays;
  const image = new ImageData(size, size);
  const back = rgb(p.panel);
  const most = range(points?.target);
  const own = Array.from({ length: classes }, (_, k) => rgb(classColor(p, k)));
  const [low, high] = [rgb("#2b6cb0"), rgb("#e07b00")];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const i = y * size + x;
      let to: [number, number, number];
      let t: number;
      if (classes) {
        to = own[value[i]];
        t = 0.12 + 0.38 * Math.max(0, (confidence[i] - 1 / classes) / (1 - 1 / classes));
      } else {
        t = (value[i] - most.middle) / most.reach;
        to = t < 0 ? low : high;
        t = 0.9 * Math.min(1, Math.abs(t));
      }
      const at = 4 * ((size - 1 - y) * size + x);
      for (let c = 0; c < 3; c++) image.data[at + c] = back[c] + (to[c] - back[c]) * t;
      image.data[at + 3] = 255;
    }
  const small = new OffscreenCanvas(size, size);
  small.getContext("2d")!.putImageData(image, 0, 0);
  g.imageSmoothingQuality = "high";
  g.drawImage(small, frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
}

function range(values: Float32Array | undefined): { middle: number; reach: number } {
  let low = Infinity;
  let high = -Infinity;
  for (const v of values ?? []) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return high > low ? { middle: (low + high) / 2, reach: (high - low) / 2 } : { middle: 0, reach: 1 };
}

function dots(g: CanvasRenderingContext2D, app: App, points: Arrays, frame: Frame, line: boolean, classes: number): void {
  const p = app.palette;
  const { first, second, target, held, row } = points;
  const most = range(target);
  const radius = first.length > 1000 ? 2.4 : 3.6;
  for (let i = 0; i < first.length; i++) {
    const x = frame.x(first[i]);
    const y = frame.y(line ? (target?.[i] ?? 0) : second[i]);
    const own = row[i] === app.row;
    mark(g, classes && target ? target[i] : 0, x, y, own ? radius + 3 : radius);
    const [r, gr, b] = line || !target ? rgb(p.muted) : diverging(p, (target[i] - most.middle) / most.reach);
    const color = classes && target ? classColor(p, target[i]) : `rgb(${r | 0},${gr | 0},${b | 0})`;
    g.globalAlpha = line && !own ? 0.75 : 1;
    // rows that validate are hollow
    g.fillStyle = held[i] ? p.panel : color;
    g.strokeStyle = held[i] ? color : p.dark ? "#0b0e12" : "#ffffff";
    g.lineWidth = held[i] ? 1.6 : 0.9;
    // in a plane of numbers a middling row has the color of the plane: its edge tells it
    if (!classes && !line) [g.strokeStyle, g.lineWidth, g.fillStyle] = [p.ink, held[i] ? 1.5 : 0.6, color];
    if (own) [g.strokeStyle, g.lineWidth] = [p.ink, 2.5];
    g.fill();
    g.stroke();
  }
  g.globalAlpha = 1;
}

/** What was predicted against what was true. */
export function Scatter(props: { app: App; target: Float32Array; predicted: Float32Array; rows: Float32Array }) {
  const { app, target, predicted, rows } = props;
  const [width, height] = [400, 260];
  const all = [...target, ...predicted];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const [left, right, top, bottom] = [LEFT, width - 10, 20, height - BOTTOM];
  const frame = { x: linear(low, high, left, right), y: linear(low, high, bottom, top), left, right, top, bottom };
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label="predicted against true values" class="scatter">
      <Axes frame={frame} across="true" up="predicted" />
      <path d={`M${left} ${bottom}L${right} ${top}`} stroke={app.palette.muted} stroke-dasharray="4 4" />
      {[...target].slice(0, 1000).map((t, i) => (
        <circle
          key={i}
          cx={frame.x(t)}
          cy={frame.y(predicted[i])}
          r={rows[i] === app.row ? 5 : 2.5}
          fill={app.palette.accent}
          fill-opacity={0.6}
          onClick={() => app.choose({ row: rows[i] })}
        />
      ))}
    </svg>
  );
}
