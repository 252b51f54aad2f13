/** Training: the curves of this run and of those before it, and a slider over the moments that were kept. */

import { useState } from "preact/hooks";
import { count, digits, measure, short } from "../format";
import { useReply, useSize } from "../hooks";
import { Axes, BOTTOM, LEFT, linear, logarithmic, path, type Frame } from "../plot";
import type { App } from "../state";

interface Earlier {
  label: string;
  curve: [number, number | string, number | string][];
}

const numbers = (values: (number | string)[]): number[] => values.map((v) => (typeof v === "number" ? v : NaN));

export function TrainingView({ app }: { app: App }) {
  const [logX, setLogX] = useState(true);
  const [logY, setLogY] = useState(true);
  const [hidden, setHidden] = useState<Set<number>>(new Set());
  const told = useReply(app, "curve", {}, [app.version, app.problem]);
  const earlier = ((told?.data.earlier ?? []) as Earlier[]).map((e) => ({
    label: e.label,
    steps: e.curve.map((p) => p[0]),
    loss: numbers(e.curve.map((p) => p[1])),
    validation: numbers(e.curve.map((p) => p[2])),
  }));
  const p = app.progress;
  if (!app.about.trainable)
    return <p class="message">This network cannot be trained here: {app.about.note || "no labeled rows were given."}</p>;
  return (
    <div class="split">
      <section class="fill" aria-label="curves">
        <div class="bar">
          <span class="key">
            <i class="line solid" /> training
          </span>
          <span class="key">
            <i class="line dashed" /> validation
          </span>
          <label>
            <input type="checkbox" checked={logX} onChange={(e) => setLogX(e.currentTarget.checked)} /> log steps
          </label>
          <label>
            <input type="checkbox" checked={logY} onChange={(e) => setLogY(e.currentTarget.checked)} /> log loss
          </label>
        </div>
        <Curves
          app={app}
          logX={logX}
          logY={logY}
          now={told?.arrays}
          earlier={earlier.filter((_, i) => !hidden.has(i))}
        />
        <Moments app={app} kept={told?.data.kept ?? []} />
      </section>
      <aside class="panel" aria-label="the run">
        <h2>This run</h2>
        <table class="facts">
          <tbody>
            <Fact name="steps" value={count(p.step)} />
            <Fact name="epochs" value={count(p.epoch)} />
            <Fact name={app.settings.penalty === "none" ? "training loss" : "training loss + penalty"} value={measure(p.loss)} />
            <Fact name="validation loss" value={measure(p.validation)} />
            <Fact name="steps a second" value={p.speed ? count(p.speed) : "–"} />
            <Fact name="time" value={`${digits(p.seconds, 3)} s`} />
          </tbody>
        </table>
        <p class="quiet">
          {app.about.loss} on {count(app.about.rows - (app.about.data?.held ?? 0))} rows,{" "}
          {count(app.about.data?.held ?? 0)} rows validate; {count(app.about.parameters)} parameters.
        </p>
        {p.error && <p class="warn">{p.error}</p>}
        <h2>Earlier runs of this session</h2>
        {!earlier.length && <p class="quiet">Reset, or another network, keeps the curve here to compare with.</p>}
        {earlier.map((e, i) => (
          <label key={i} class="earlier">
            <input
              type="checkbox"
              checked={!hidden.has(i)}
              onChange={() => {
                const next = new Set(hidden);
                if (!next.delete(i)) next.add(i);
                setHidden(next);
              }}
            />{" "}
            <i class="swatch" style={{ background: app.palette.classes[(i + 1) % 10] }} />
            <span>{e.label}</span>
            <span class="quiet">{short(e.loss[e.loss.length - 1])}</span>
          </label>
        ))}
      </aside>
    </div>
  );
}

export const Fact = ({ name, value }: { name: string; value: string }) => (
  <tr>
    <th scope="row">{name}</th>
    <td>{value}</td>
  </tr>
);

function Curves(props: { app: App; logX: boolean; logY: boolean; now: any; earlier: any[] }) {
  const { app, logX, logY, now, earlier } = props;
  const [box, width, height] = useSize<HTMLDivElement>();
  const all = [...(now ? [now] : []), ...earlier];
  const xs = all.flatMap((c) => [...c.steps]);
  const ys = all.flatMap((c) => [...c.loss, ...c.validation]).filter(Number.isFinite) as number[];
  const positive = ys.filter((v) => v > 0);
  const log = logY && positive.length > 0;
  const [left, right, top, bottom] = [LEFT, width - 16, 22, height - BOTTOM - 4];
  const most = xs.reduce((a, b) => Math.max(a, b), 1);
  const low = log ? Math.min(...positive) : Math.min(0, ...ys);
  const high = Math.max(...(log ? positive : ys), low * 1.01);
  const frame: Frame = {
    x: logX ? logarithmic(1, Math.max(most, 10), left, right) : linear(0, most, left, right),
    y: log ? logarithmic(low / 1.15, high * 1.15, bottom, top) : linear(low, high * 1.05, bottom, top),
    left,
    right,
    top,
    bottom,
  };
  const draw = (c: any, color: string, key: number, wide: number) => (
    <g key={key} stroke={color} fill="none" stroke-width={wide}>
      <path d={path(c.steps, c.loss, frame)} />
      <path d={path(c.steps, c.validation, frame)} stroke-dasharray="5 4" stroke-width={wide * 0.8} />
    </g>
  );
  return (
    <div class="canvas" ref={box}>
      {width > 0 && most < 2 && (
        <div class="message">
          <span>The loss is drawn here, step by step, once training has begun.</span>
          <button class="primary" disabled={app.progress.running} onClick={() => void app.act("run")}>
            ▶ Train
          </button>
        </div>
      )}
      {width > 0 && most > 1 && ys.length > 0 && (
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={`loss by step: ${digits(app.progress.loss)} after ${app.progress.step} steps`}
        >
          <Axes frame={frame} across="step" up="loss" />
          {earlier.map((c, i) => draw(c, app.palette.classes[(i + 1) % 10], i, 1.2))}
          {now && draw(now, app.palette.accent, -1, 2)}
        </svg>
      )}
    </div>
  );
}

/** The slider: parameters of steps of this session, and of the checkpoints of a run. */
export function Moments({ app, kept }: { app: App; kept: { step: number; source: string }[] }) {
  if (kept.length < 2 && !kept.some((m) => m.source)) return null;
  const order = kept.map((m, i) => ({ ...m, i })).sort((a, b) => a.step - b.step);
  let here = order.findIndex((m) => m.step >= app.progress.step);
  if (here < 0) here = order.length - 1;
  const shown = order[here];
  return (
    <div class="moments">
      <label>
        Go back to{" "}
        <input
          type="range"
          min={0}
          max={order.length - 1}
          value={here}
          aria-valuetext={`step ${shown.step}`}
          onInput={(e) => void app.act("rewind", { moment: order[Number(e.currentTarget.value)].i })}
        />
      </label>
      <output>
        step {count(shown.step)}
        {shown.source && ` (${shown.source})`}
      </output>
    </div>
  );
}
