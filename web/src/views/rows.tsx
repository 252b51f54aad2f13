/** Rows with what is predicted of them, the largest loss first; images in a gallery. */

import { useEffect, useState } from "preact/hooks";
import { rgb } from "../colors";
import { count, digits, short } from "../format";
import { useDrawing, useReply } from "../hooks";
import type { App } from "../state";

interface Line {
  row: number;
  line: number;
  unit: string;
  loss: number | string;
  confidence: number;
  held: boolean;
  predicted: string | number;
  true: string | number | null;
  cells: (string | number)[];
}

export function RowTable(props: { app: App; part: string; cell: [number, number]; gallery?: boolean }) {
  const { app, part, cell, gallery } = props;
  const [offset, setOffset] = useState(0);
  const page = gallery ? 60 : 30;
  useEffect(() => setOffset(0), [part, cell[0], cell[1], app.problem]);
  // while it trains, the list is asked for again only when training rests: rows that move cannot be read
  const steady = app.running ? -1 : app.version;
  const told = useReply(app, "rows", { part, true: cell[0], predicted: cell[1], offset, count: page }, [
    part,
    cell[0],
    cell[1],
    offset,
    steady,
  ]);
  if (!told) return null;
  const rows = told.data.rows as Line[];
  const total = told.data.total as number;
  const data = app.about.data!;
  const say = (v: string | number | null) => (typeof v === "number" ? digits(v) : (v ?? "–"));
  const pager = total > page && (
    <div class="pager">
      <button disabled={!offset} onClick={() => setOffset(Math.max(0, offset - page))}>
        ← worse
      </button>
      <span>
        {count(offset + 1)} to {count(Math.min(offset + page, total))} of {count(total)}
      </span>
      <button disabled={offset + page >= total} onClick={() => setOffset(offset + page)}>
        better →
      </button>
    </div>
  );
  if (gallery) {
    const size = data.shape.reduce((a, b) => a * b, 1);
    return (
      <div class="scroll grow">
        <p class="quiet">The largest losses first; choose an image to see its activations in the graph.</p>
        <div class="gallery">
          {rows.map((r, i) => (
            <button
              key={r.row}
              class={r.row === app.row ? "chosen" : ""}
              onClick={() => app.choose({ row: r.row })}
              aria-label={`row ${r.row + 1}: ${r.true} taken for ${r.predicted}`}
            >
              <Picture app={app} shape={data.shape} data={told.arrays.images.subarray(i * size, (i + 1) * size)} />
              <span class={r.true === r.predicted ? "" : "warn"}>
                {say(r.predicted)}
                {r.true !== null && r.true !== r.predicted && ` not ${say(r.true)}`}
              </span>
              <span class="quiet">{short(r.loss)}</span>
            </button>
          ))}
        </div>
        {pager}
      </div>
    );
  }
  return (
    <div class="scroll grow">
      <table class="rows">
        <caption>
          {data.labeled ? "Rows, the largest loss first" : "Rows"}
          {app.running && " (as when training was started)"}
        </caption>
        <thead>
          <tr>
            <th>{rows[0]?.unit ?? "row"}</th>
            <th>true</th>
            <th>predicted</th>
            {data.classes.length > 0 && <th title="probability of the predicted class">prob.</th>}
            <th>loss</th>
            {(told.data.columns as string[]).map((c) => (
              <th key={c}>{c}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.row} class={r.row === app.row ? "chosen" : ""}>
              <td>
                <button class="link" onClick={() => app.choose({ row: r.row })} aria-label={`choose row ${r.row + 1}`}>
                  {r.line}
                </button>
              </td>
              <td>{say(r.true)}</td>
              <td class={typeof r.predicted === "string" && r.true !== r.predicted ? "warn" : ""}>{say(r.predicted)}</td>
              {data.classes.length > 0 && <td>{short(r.confidence)}</td>}
              <td>{short(r.loss)}</td>
              {r.cells.map((c, i) => (
                <td key={i}>{typeof c === "number" ? short(c) : c}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {pager}
    </div>
  );
}

/** One image of one channel or three. */
function Picture({ app, shape, data }: { app: App; shape: number[]; data: Float32Array }) {
  const [rows, columns, channels] = shape;
  const size = Math.max(1, Math.round(48 / Math.max(rows, columns)));
  const paint = (g: CanvasRenderingContext2D) => {
    const most = data.reduce((a, b) => Math.max(a, b), 0) || 1;
    const back = rgb(app.palette.panel);
    const ink = rgb(app.palette.ink);
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) {
        const at = (y * columns + x) * channels;
        const c = [0, 1, 2].map((k) => {
          const t = data[at + (channels === 3 ? k : 0)] / most;
          return channels === 3 ? 255 * t : back[k] + (ink[k] - back[k]) * t;
        });
        g.fillStyle = `rgb(${c[0] | 0},${c[1] | 0},${c[2] | 0})`;
        g.fillRect(x * size, y * size, size, size);
      }
  };
  const canvas = useDrawing(columns * size, rows * size, paint, [data.buffer, data.byteOffset, app.palette]);
  return <canvas ref={canvas} aria-hidden="true" />;
}
