/** One node: how it is computed, its value for the chosen row and the derivative by it, as bars, images or numbers. */

import { useEffect, useState } from "preact/hooks";
import { diverging, type Palette } from "../colors";
import { digits, place, short } from "../format";
import { useDrawing, useLive } from "../hooks";
import type { App } from "../state";
import { statisticText, type Statistic } from "./statistic";

const MOST_NUMBERS = 128;

const LISTED = 200;

export function NodePanel(props: { app: App; statistic: Statistic | undefined; rows: number; all: Statistic[] }) {
  const { app, statistic, rows, all } = props;
  const reply = useLive(app, app.node ? "inspect" : null, { node: app.node, row: app.row }, [app.node, app.row]);
  const d = reply && reply.data.name === app.node ? reply.data : null;
  return (
    <aside class="panel" aria-label="the chosen node">
      <RowChooser app={app} />
      {!app.node && <Overview app={app} rows={rows} all={all} />}
      {app.node && d && (
        <>
          <button class="link" onClick={() => app.choose({ node: "" })}>
            ← all nodes
          </button>
          <h2>{d.name}</h2>
          <p class="mono">{d.formula}</p>
          <p class="quiet">
            {d.what}, shape ({d.shape.join(", ")})
          </p>
          {d.reads.length > 0 && (
            <p>
              reads <Names app={app} names={d.reads} />
            </p>
          )}
          {d.read_by.length > 0 && (
            <p>
              read by <Names app={app} names={d.read_by} />
            </p>
          )}
          {statistic && (
            <table class="facts">
              <caption>On {rows} rows</caption>
              <tbody>
                {statisticText(statistic).map(([k, v]) => (
                  <tr key={k}>
                    <th scope="row">{k}</th>
                    <td>{v}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {d.texts && <p class="mono">{d.texts.join(", ")}</p>}
          {reply?.arrays.value && (
            <Values app={app} data={d} value={reply.arrays.value} derivative={reply.arrays.derivative} />
          )}
          {d.no_derivative && <p class="quiet">{d.no_derivative}.</p>}
        </>
      )}
    </aside>
  );
}

/** Every node in a line, until one is chosen. */
function Overview({ app, rows, all }: { app: App; rows: number; all: Statistic[] }) {
  return (
    <>
      <p class="quiet">Choose a node, here or in the graph: its values and derivatives for this row are shown.</p>
      {all.length > 0 && (
        <table class="overview small">
          <caption>Over {rows} rows</caption>
          <thead>
            <tr>
              <th>node</th>
              <th>mean</th>
              <th>spread</th>
              <th title="norm of the derivative of the mean loss">‖d‖</th>
            </tr>
          </thead>
          <tbody>
            {all.slice(0, LISTED).map((s) => (
              <tr key={s.name}>
                <td>
                  <button class="link" title={s.name} onClick={() => app.choose({ node: s.name })}>
                    {s.name}
                  </button>
                </td>
                <td>{short(s.mean, 3)}</td>
                <td>{short(s.spread, 3)}</td>
                <td>{short(s.gradient, 3)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {all.length > LISTED && <p class="quiet">and {all.length - LISTED} more: search for them</p>}
    </>
  );
}

export function RowChooser({ app }: { app: App }) {
  return (
    <label class="row-chooser">
      Row{" "}
      <input
        type="number"
        min={1}
        max={app.about.rows}
        value={app.row + 1}
        aria-label="row that values are shown of"
        onChange={(e) => {
          const n = Math.round(Number(e.currentTarget.value)) - 1;
          app.choose({ row: Math.min(Math.max(n, 0), app.about.rows - 1) });
        }}
      />{" "}
      <span class="quiet">of {app.about.rows.toLocaleString("en-US")}</span>
    </label>
  );
}

function Names({ app, names }: { app: App; names: string[] }) {
  return (
    <span class="names">
      {names.slice(0, 12).map((n) => (
        <button key={n} class="link" onClick={() => app.choose({ node: n })}>
          {n}
        </button>
      ))}
      {names.length > 12 && <span class="quiet">and {names.length - 12} more</span>}
    </span>
  );
}

function Values(props: { app: App; data: any; value: Float32Array; derivative?: Float32Array }) {
  const { app, data, value, derivative } = props;
  const [editing, setEditing] = useState(-1);
  useEffect(() => setEditing(-1), [data.name]);
  const shape = data.shape as number[];
  const image = shape.length === 4 && shape[1] > 1 && shape[2] > 1;
  return (
    <>
      <h3>{data.parameter ? "Value" : `Value for row ${data.row + 1}`}</h3>
      {image ? <Images palette={app.palette} data={value} shape={shape} /> : <Bars palette={app.palette} data={value} />}
      {derivative && (
        <>
          <h3>Derivative of {data.scalar}</h3>
          {image ? (
            <Images palette={app.palette} data={derivative} shape={shape} />
          ) : (
            <Bars palette={app.palette} data={derivative} />
          )}
        </>
      )}
      <table class="numbers">
        <thead>
          <tr>
            <th>entry</th>
            <th>value</th>
            {derivative && <th>derivative</th>}
          </tr>
        </thead>
        <tbody>
          {[...value.subarray(0, MOST_NUMBERS)].map((v, i) => (
            <tr key={i}>
              <td>{place(i, shape) || "·"}</td>
              <td>
                {data.parameter && editing === i && !app.about.local ? (
                  <input
                    type="number"
                    step="any"
                    autoFocus
                    aria-label={`new value of ${data.name}, entry ${place(i, shape)}`}
                    value={digits(v)}
                    onBlur={() => setEditing(-1)}
                    onKeyDown={(e) => {
                      if (e.key === "Escape") setEditing(-1);
                      if (e.key !== "Enter") return;
                      setEditing(-1);
                      void app.act("edit", { name: data.name, entry: i, value: Number(e.currentTarget.value) });
                    }}
                  />
                ) : data.parameter && !app.about.local ? (
                  <button class="link" title="change it" onClick={() => setEditing(i)}>
                    {digits(v)}
                  </button>
                ) : (
                  digits(v)
                )}
              </td>
              {derivative && <td>{digits(derivative[i])}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {value.length > MOST_NUMBERS && (
        <p class="quiet">
          the first {MOST_NUMBERS} of {value.length.toLocaleString("en-US")} entries
        </p>
      )}
    </>
  );
}

const extent = (data: Float32Array): number => {
  let most = 0;
  for (const v of data) if (Number.isFinite(v)) most = Math.max(most, Math.abs(v));
  return most || 1;
};

/** Entries as bars around zero. */
function Bars({ palette, data }: { palette: Palette; data: Float32Array }) {
  const width = 288;
  const height = 54;
  const paint = (g: CanvasRenderingContext2D) => {
    const most = extent(data);
    const n = Math.min(data.length, width);
    const wide = width / n;
    for (let i = 0; i < n; i++) {
      const v = data[Math.floor((i * data.length) / n)] / most;
      g.fillStyle = v < 0 ? "#2b6cb0" : "#d97a00";
      g.fillRect(i * wide, height / 2 - Math.max(0, v) * (height / 2 - 1), Math.max(1, wide - (wide > 4 ? 1.5 : 0)), Math.max(0.5, Math.abs(v) * (height / 2 - 1)));
    }
    g.fillStyle = palette.muted;
    g.fillRect(0, height / 2 - 0.5, width, 1);
  };
  const canvas = useDrawing(width, height, paint, [data, palette]);
  return <canvas ref={canvas} role="img" aria-label={`${data.length} entries, at most ${digits(extent(data))}`} />;
}

/** Channels of an image, side by side. */
export function Images({ palette, data, shape }: { palette: Palette; data: Float32Array; shape: number[] }) {
  const [, rows, columns, channels] = shape;
  const shown = Math.min(channels, 64);
  const size = Math.max(1, Math.min(8, Math.floor(286 / columns / Math.min(shown, columns < 12 ? 4 : 3)) || 1));
  const across = Math.max(1, Math.floor(288 / (columns * size + 4)));
  const width = 288;
  const height = Math.ceil(shown / across) * (rows * size + 4);
  const paint = (g: CanvasRenderingContext2D) => {
    const most = extent(data);
    for (let c = 0; c < shown; c++) {
      const left = (c % across) * (columns * size + 4);
      const top = Math.floor(c / across) * (rows * size + 4);
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++) {
          const [r, gr, b] = diverging(palette, data[(y * columns + x) * channels + c] / most);
          g.fillStyle = `rgb(${r | 0},${gr | 0},${b | 0})`;
          g.fillRect(left + x * size, top + y * size, size, size);
        }
      g.strokeStyle = palette.line;
      g.strokeRect(left + 0.5, top + 0.5, columns * size - 1, rows * size - 1);
    }
  };
  const canvas = useDrawing(width, height, paint, [data, palette]);
  return (
    <>
      <canvas ref={canvas} role="img" aria-label={`${channels} channels of ${rows} by ${columns}`} />
      {channels > shown && <p class="quiet">the first {shown} of {channels} channels</p>}
    </>
  );
}
