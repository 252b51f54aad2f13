/** Neurons as kinks on the axis, or as lines in the plane, that can be dragged. */

import { useMemo, useRef, useState } from "preact/hooks";
import { useDrawing, useLive, useReply, useSize } from "../hooks";
import { Axes, BOTTOM, LEFT, linear, mark, path, type Frame } from "../plot";
import { classColor } from "../colors";
import type { App } from "../state";
import { fill } from "./landscape";

/** The hidden layer: arrays by neuron, and its pieces where there is one input. */
export interface Neurons {
  width: number;
  dimension: number;
  outputs: number;
  radius: number;
  weights: Float32Array;
  biases: Float32Array;
  out: Float32Array;
  norms: Float32Array;
  gradients?: Float32Array;
  pieces?: { knots: number[]; slopes: number[]; breaks: number[]; values: number[] };
  movable: boolean;
}

interface Props {
  app: App;
  f: Neurons;
  chosen: number;
  choose: (k: number) => void;
  move: (neuron: number, weights: number[], bias: number) => Promise<void>;
  best?: any;
}

const weightsOf = (f: Neurons, k: number): number[] => [...f.weights.subarray(k * f.dimension, (k + 1) * f.dimension)];

/** The function of one input with its kinks. */
export function LinePlot({ app, f, chosen, choose, move, best }: Props) {
  const [box, width, height] = useSize<HTMLDivElement>();
  const points = useReply(app, "points", { first: 0, second: 0 }, []);
  const dragged = useRef(-1);
  const svg = useRef<SVGSVGElement>(null);
  const { breaks, values } = f.pieces!;
  const target = points?.arrays.target;
  const range = useMemo(() => {
    const all = [...values, ...(target ?? []), ...(best ? best.best : [])];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const margin = 0.08 * (high - low || 1);
    return [low - margin, high + margin];
  }, [values, target, best]);
  const frame: Frame = {
    x: linear(-f.radius, f.radius, LEFT, width - 14),
    y: linear(range[0], range[1], height - BOTTOM - 20, 22),
    left: LEFT,
    right: width - 14,
    top: 22,
    bottom: height - BOTTOM - 20,
  };
  const at = (k: number) => -f.biases[k] / f.weights[k];
  const inside = (k: number) => f.weights[k] !== 0 && Math.abs(at(k)) <= f.radius;
  const put = (k: number, x: number) => {
    const kink = Math.min(f.radius, Math.max(-f.radius, x));
    void move(k, weightsOf(f, k), -f.weights[k] * kink);
  };
  return (
    <div class="canvas" ref={box}>
      {width > 0 && (
        <svg
          ref={svg}
          width={width}
          height={height}
          onPointerMove={(e) => {
            if (dragged.current < 0) return;
            put(dragged.current, frame.x.back(e.clientX - svg.current!.getBoundingClientRect().left));
          }}
          onPointerUp={() => (dragged.current = -1)}
        >
          <Axes frame={frame} across={app.about.data?.columns[0]?.name ?? "x"} up={app.about.data?.target ?? "f"} />
          {target &&
            [...target].map((t, i) => (
              <circle key={i} cx={frame.x(points!.arrays.first[i])} cy={frame.y(t)} r={2.6} fill={app.palette.muted} fill-opacity={0.55} />
            ))}
          {best && (
            <path d={path(best.x, best.best, frame)} fill="none" stroke={app.palette.classes[2]} stroke-width={2.2} stroke-dasharray="7 4" />
          )}
          <path d={path(breaks, values, frame)} fill="none" stroke={app.palette.accent} stroke-width={2.5} />
          {f.pieces!.knots.slice(0, 400).map((k, i) => (
            <circle key={i} cx={frame.x(k)} cy={frame.y(values[i + 1])} r={3.2} fill={app.palette.panel} stroke={app.palette.accent} stroke-width={1.6} />
          ))}
          {Array.from({ length: Math.min(f.width, 400) }, (_, k) => k)
            .filter(inside)
            .map((k) => (
              <g
                key={k}
                class="handle"
                role="slider"
                tabIndex={0}
                aria-label={`kink of neuron ${k + 1}`}
                aria-valuemin={-f.radius}
                aria-valuemax={f.radius}
                aria-valuenow={at(k)}
                onFocus={() => choose(k)}
                onPointerDown={(e) => {
                  if (!f.movable) return;
                  dragged.current = k;
                  choose(k);
                  svg.current!.setPointerCapture(e.pointerId);
                }}
                onKeyDown={(e) => {
                  const step = { ArrowRight: 0.02, ArrowLeft: -0.02 }[e.key];
                  if (!step || !f.movable) return;
                  e.preventDefault();
                  put(k, at(k) + step * f.radius);
                }}
              >
                {k === chosen && (
                  <line x1={frame.x(at(k))} x2={frame.x(at(k))} y1={frame.top} y2={frame.bottom} stroke={app.palette.warn} stroke-width={1} stroke-dasharray="3 3" />
                )}
                <path
                  d={`M${frame.x(at(k))} ${frame.bottom + 2}l-7 14h14z`}
                  fill={k === chosen ? app.palette.warn : app.palette.muted}
                  stroke={app.palette.panel}
                />
              </g>
            ))}
        </svg>
      )}
    </div>
  );
}

/** The plane of two inputs with the line on which each neuron switches. */
export function PlanePlot({ app, f, chosen, choose, move }: Props) {
  const [box, width, height] = useSize<HTMLDivElement>();
  const points = useReply(app, "points", { first: 0, second: 1 }, []);
  const r = f.radius * 1.05;
  const surface = useLive(app, f.movable ? "surface" : null, { size: 100, reach: r });
  const svg = useRef<SVGSVGElement>(null);
  const [dragged, setDragged] = useState(-1);
  const side = Math.max(50, Math.min(width - LEFT - 14, height - BOTTOM - 30));
  const left = LEFT + Math.max(0, (width - LEFT - 14 - side) / 2);
  const head = 22 + Math.max(0, (height - BOTTOM - 30 - side) / 2);
  const frame: Frame = {
    x: linear(-r, r, left, left + side),
    y: linear(-r, r, head + side, head),
    left,
    right: left + side,
    top: head,
    bottom: head + side,
  };
  const paint = (g: CanvasRenderingContext2D) => {
    if (!points) return;
    if (surface) fill(g, app.palette, surface, points.arrays, frame, app.about.data?.classes.length ?? 0);
    const { first, second, target } = points.arrays;
    for (let i = 0; i < first.length; i++) {
      const c = app.about.data?.classes.length && target ? target[i] : 0;
      mark(g, c, frame.x(first[i]), frame.y(second[i]), 3);
      g.fillStyle = target && app.about.data?.classes.length ? classColor(app.palette, c) : app.palette.muted;
      g.globalAlpha = 0.75;
      g.fill();
    }
  };
  const canvas = useDrawing(width, height, paint, [surface, points, r, app.palette]);
  const segment = (k: number): string => {
    const [a, b] = weightsOf(f, k);
    const c = f.biases[k];
    const n = Math.hypot(a, b);
    if (!n) return "";
    const [px, py] = [(-a * c) / n ** 2, (-b * c) / n ** 2];
    if (Math.hypot(px, py) > 1.5 * r) return "";
    const [dx, dy] = [(-b / n) * 3 * r, (a / n) * 3 * r];
    return `M${frame.x(px - dx)} ${frame.y(py - dy)}L${frame.x(px + dx)} ${frame.y(py + dy)}`;
  };
  const place = (e: PointerEvent): [number, number] => {
    const q = svg.current!.getBoundingClientRect();
    return [frame.x.back(e.clientX - q.left), frame.y.back(e.clientY - q.top)];
  };
  return (
    <div class="canvas" ref={box}>
      <canvas ref={canvas} aria-hidden="true" />
      {width > 0 && (
        <svg
          ref={svg}
          width={width}
          height={height}
          onPointerMove={(e) => {
            if (dragged < 0) return;
            const [x, y] = place(e);
            const w = weightsOf(f, dragged);
            void move(dragged, w, -(w[0] * x + w[1] * y));
          }}
          onPointerUp={() => setDragged(-1)}
        >
          <clipPath id="plane">
            <rect x={frame.left} y={frame.top} width={side} height={side} />
          </clipPath>
          <Axes frame={frame} across={app.about.data?.columns[0]?.name ?? "x1"} up={app.about.data?.columns[1]?.name ?? "x2"} />
          <g clip-path="url(#plane)" fill="none">
            {Array.from({ length: Math.min(f.width, 400) }, (_, k) => (
              <g key={k} class="handle">
                <path d={segment(k)} stroke={k === chosen ? app.palette.warn : app.palette.accent} stroke-width={k === chosen ? 2.6 : 1.3} />
                <path
                  d={segment(k)}
                  stroke="transparent"
                  stroke-width={12}
                  role="slider"
                  tabIndex={0}
                  aria-label={`line of neuron ${k + 1}`}
                  aria-valuenow={f.biases[k]}
                  onFocus={() => choose(k)}
                  onPointerDown={(e) => {
                    if (!f.movable) return;
                    choose(k);
                    setDragged(k);
                    svg.current!.setPointerCapture(e.pointerId);
                  }}
                  onKeyDown={(e) => {
                    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[e.key];
                    if (!step || !f.movable) return;
                    e.preventDefault();
                    const w = weightsOf(f, k);
                    void move(k, w, f.biases[k] + 0.02 * step * f.radius * Math.hypot(...w));
                  }}
                />
              </g>
            ))}
          </g>
        </svg>
      )}
    </div>
  );
}
