/** Training: the curves of this run and of those before it, and a slider over the moments that were kept. */

import { useMemo, useState } from "preact/hooks";
import { count, digits, measure, short } from "../format";
import { useProgress, useReply } from "../hooks";
import { number, type Moment } from "../live";
import type { App } from "../state";
import { Curves, type Line } from "./curves";

interface Earlier {
  label: string;
  curve: [number, number | string, number | string][];
}

export function TrainingView({ app }: { app: App }) {
  const [logX, setLogX] = useState(true);
  const [logY, setLogY] = useState(true);
  const [hidden, setHidden] = useState<Set<number>>(new Set());
  const p = useProgress(app);
  const { curve } = app.live;
  const told = useReply(app, "curve", {}, [app.version, curve.gaps]);
  const earlier = useMemo(() => {
    if (told) curve.put(told);
    return ((told?.data.earlier ?? []) as Earlier[]).map((e, i): Line & { label: string } => ({
      label: e.label,
      color: app.palette.classes[(i + 1) % 10],
      steps: e.curve.map((p) => p[0]),
      loss: e.curve.map((p) => number(p[1])),
      validation: e.curve.map((p) => number(p[2])),
    }));
  }, [told, app.palette]);
  const others = useMemo(() => earlier.filter((_, i) => !hidden.has(i)), [earlier, hidden]);
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
          now={told && { ...curve, color: app.palette.accent }}
          earlier={others}
        />
        <Moments app={app} step={p.step} kept={told ? curve.kept : []} />
      </section>
      <aside class="panel" aria-label="the run">
        <h2>This run</h2>
        <table class="facts">
          <tbody>
            <Fact name="steps" value={count(p.step)} />
            <Fact name="epochs" value={count(p.epoch)} />
            <Fact name={app.settings.penalty === "none" ? "training loss" : "training loss + penalty"} value={measure(p.loss)} />
            <Fact
              name={p.validated === p.step ? "validation loss" : `validation loss, step ${count(p.validated)}`}
              value={measure(p.validation)}
            />
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
            <i class="swatch" style={{ background: e.color }} />
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

/** The slider: parameters of steps of this session, and of the checkpoints of a run. */
function Moments({ app, step, kept }: { app: App; step: number; kept: Moment[] }) {
  if (kept.length < 2 && !kept.some((m) => m.source)) return null;
  const order = kept.map((m, i) => ({ ...m, i })).sort((a, b) => a.step - b.step);
  let here = order.findIndex((m) => m.step >= step);
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
