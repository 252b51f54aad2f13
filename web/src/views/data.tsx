/** The rows and what the network says of them: a curve, regions, a slice; the worst rows; which class for which. */

import { useState } from "preact/hooks";
import { diverging } from "../colors";
import { digits, percent } from "../format";
import { useLive, useReply } from "../hooks";
import type { App } from "../state";
import { Landscape, Scatter } from "./landscape";
import { RowTable } from "./rows";
import { Why } from "./why";

export type Cell = [number, number];

const PARTS: [string, string][] = [
  ["held", "validation rows"],
  ["train", "training rows"],
  ["all", "all rows"],
];

export function DataView({ app }: { app: App }) {
  const data = app.about.data;
  const [part, setPart] = useState("held");
  const [cell, setCell] = useState<Cell>([-1, -1]);
  const [axes, setAxes] = useState<[number, number]>([0, 1]);
  if (!data)
    return (
      <p class="message">
        No rows were given. Start <code>reseau explore MODEL --data rows.csv</code>, or leave the model out to generate
        rows here.
      </p>
    );
  const held = data.held > 0 ? part : "all";
  const usable = data.columns.map((c, i) => ({ ...c, i })).filter((c) => !c.categories.length);
  const [first, second] = axes.map((a) => (usable.some((c) => c.i === a) ? a : (usable[0]?.i ?? 0)));
  const other = second === first ? (usable.find((c) => c.i !== first)?.i ?? first) : second;
  return (
    <div class="split even">
      <section class="fill" aria-label="predictions">
        {!data.image && (
          <div class="bar">
            {usable.length > 1 && (
              <>
                <ColumnChoice label="across" columns={usable} value={first} choose={(v) => setAxes([v, other])} />
                <ColumnChoice label="up" columns={usable} value={other} choose={(v) => setAxes([first, v])} />
              </>
            )}
            {data.columns.length > 2 && (
              <label>
                others as in row{" "}
                <input
                  type="number"
                  min={1}
                  max={data.rows}
                  value={app.row + 1}
                  onChange={(e) =>
                    app.choose({ row: Math.min(Math.max(Math.round(Number(e.currentTarget.value)) - 1, 0), data.rows - 1) })
                  }
                />
              </label>
            )}
            <Legend app={app} />
          </div>
        )}
        {data.image ? (
          <RowTable app={app} part={held} cell={cell} gallery />
        ) : (
          <Landscape app={app} first={first} second={other} />
        )}
        {data.decisions.length > 0 && (
          <details class="decisions">
            <summary>What was decided about columns</summary>
            <ul>
              {data.decisions.map((d) => (
                <li key={d}>{d}</li>
              ))}
            </ul>
          </details>
        )}
      </section>
      <section class="side" aria-label="errors">
        <div class="bar">
          <label>
            Look at{" "}
            <select value={held} onChange={(e) => setPart(e.currentTarget.value)}>
              {PARTS.filter(([p]) => p === "all" || data.held > 0).map(([p, name]) => (
                <option key={p} value={p}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {cell[0] >= 0 && (
            <button onClick={() => setCell([-1, -1])}>
              {data.classes[cell[0]]} taken for {data.classes[cell[1]]} ✕
            </button>
          )}
        </div>
        {data.labeled && <Errors app={app} part={held} cell={cell} choose={setCell} />}
        {!app.about.local && <Why app={app} />}
        {!data.image && <RowTable app={app} part={held} cell={cell} />}
      </section>
    </div>
  );
}

function ColumnChoice(props: {
  label: string;
  columns: { name: string; i: number }[];
  value: number;
  choose: (v: number) => void;
}) {
  return (
    <label>
      {props.label}{" "}
      <select value={props.value} onChange={(e) => props.choose(Number(e.currentTarget.value))}>
        {props.columns.map((c) => (
          <option key={c.i} value={c.i}>
            {c.name}
          </option>
        ))}
      </select>
    </label>
  );
}

const MARKS = ["●", "■", "▲", "◆", "▼"];

function Legend({ app }: { app: App }) {
  const classes = app.about.data?.classes ?? [];
  return (
    <span class="legend">
      {!classes.length && <TargetScale app={app} />}
      {classes.slice(0, 12).map((name, k) => (
        <span key={name}>
          <span style={{ color: app.palette.classes[k % 10] }}>{MARKS[k % 5]}</span> {name}
        </span>
      ))}
      {app.about.data!.held > 0 && <span title="rows that validate are drawn hollow">○ hollow: validation</span>}
    </span>
  );
}

/** What the colors of a plane mean. */
function TargetScale({ app }: { app: App }) {
  const data = app.about.data!;
  const told = useReply(app, data.columns.length > 1 ? "points" : null, {}, []);
  const target = told?.arrays.target;
  if (!target?.length) return null;
  const [low, high] = target.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const color = (t: number) => `rgb(${diverging(app.palette, t).map(Math.round).join()})`;
  return (
    <span class="scale">
      {data.target} {digits(low, 3)} <i style={{ background: `linear-gradient(90deg, ${color(-1)}, ${color(0)}, ${color(1)})` }} /> {digits(high, 3)}
    </span>
  );
}

/** Accuracy with the confusions, or the errors of numbers. */
function Errors({ app, part, cell, choose }: { app: App; part: string; cell: Cell; choose: (c: Cell) => void }) {
  const told = useLive(app, "confusion", { part }, [part]);
  const classes = app.about.data!.classes;
  if (!told) return null;
  const d = told.data;
  if (!d.matrix)
    return (
      <>
        <p class="measure">
          <span title="root mean square error, in the unit of the target">RMSE</span> <b>{digits(d.rmse, 4)}</b>
          <span title="mean absolute error, in the unit of the target">MAE</span> <b>{digits(d.mae, 4)}</b>
          <span title="share of the target's variance that is predicted">R²</span> <b>{digits(d.r2, 4)}</b>
        </p>
        {told.arrays.target && (app.about.data!.columns.length > 1 || app.about.data!.image) && (
          <Scatter app={app} target={told.arrays.target} predicted={told.arrays.predicted} rows={told.arrays.row} />
        )}
      </>
    );
  if (!classes.length) return null;
  const matrix = d.matrix as number[][];
  return (
    <>
      <p class="measure">
        <b>{percent(d.accuracy)}</b> of {d.rows} rows are right
      </p>
      {classes.length <= 20 && (
        <div class="scroll">
          <p class="quiet">Lines: true class. Columns: what it is taken for. Choose a cell to list its rows.</p>
          <table class="confusion" aria-label="confusions">
            <thead>
              <tr>
                <td />
                {classes.map((c) => (
                  <th key={c} scope="col">
                    {c}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {matrix.map((line, i) => {
                const most = Math.max(1, ...line);
                return (
                  <tr key={i}>
                    <th scope="row">{classes[i]}</th>
                    {line.map((n, j) => (
                      <td key={j}>
                        <button
                          class={cell[0] === i && cell[1] === j ? "chosen" : n ? "" : "none"}
                          style={{
                            background: n
                              ? `color-mix(in srgb, ${i === j ? "#0072b2" : "#d55e00"} ${Math.round(6 + (38 * n) / most)}%, transparent)`
                              : "transparent",
                          }}
                          aria-label={`${n} rows of ${classes[i]} taken for ${classes[j]}`}
                          onClick={() => choose(cell[0] === i && cell[1] === j ? [-1, -1] : [i, j])}
                        >
                          {n}
                        </button>
                      </td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
