/** What drives the page: the data and the network that are wanted, how steps are taken, start, pause, step, reset. */

import { useEffect, useRef, useState } from "preact/hooks";
import { count, digits, measure } from "./format";
import { useProgress } from "./hooks";
import { counts, type App } from "./state";

const RATES = [0.00001, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];
const STRENGTHS = [0, 0.00001, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1];
const BATCHES = [1, 4, 8, 16, 32, 64, 128, 256, 1024];

export function Transport({ app }: { app: App }) {
  const p = useProgress(app);
  if (!app.about.trainable || app.about.local) return null;
  return (
    <div class="transport" role="group" aria-label="training">
      <button
        class="primary"
        onClick={() => void app.act(p.running ? "pause" : "run")}
        title={p.running ? "pause (space)" : "start training (space)"}
      >
        {p.running ? "❚❚ Pause" : "▶ Start"}
      </button>
      <button disabled={p.running} onClick={() => void app.act("steps", { count: 1 })} title="take one step (s)">
        Step
      </button>
      <button
        onClick={() => void app.act("reset", { seed: app.settings.seed })}
        title="start again from the first parameters (r)"
      >
        Reset
      </button>
      <output class="status" aria-live="off">
        <span title={`epoch ${count(p.epoch)}`}>step</span>
        <span title="on the rows that are trained on">loss</span>
        <span title="on the rows that validate">validation</span>
        <b data-status="step">{count(p.step)}</b>
        <b data-status="loss">{measure(p.loss, 4)}</b>
        <b data-status="validation">{measure(p.validation, 4)}</b>
      </output>
    </div>
  );
}

export function Sidebar({ app }: { app: App }) {
  const { about, settings } = app;
  const file = useRef<HTMLInputElement>(null);
  const chosen = about.chosen;
  return (
    <aside class="sidebar" aria-label="settings">
      {chosen && (
        <form onSubmit={(e) => e.preventDefault()}>
          <h2>Data</h2>
          <Choice
            label="data"
            value={chosen.data}
            options={[
              ...about.sets.map((s) => [s.name, s.title] as [string, string]),
              ...(about.own ? [["own", about.own.name] as [string, string]] : []),
            ]}
            choose={(v) => void app.build({ data: v, filters: [] })}
          />
          {chosen.data === "own" && about.own ? (
            <Choice
              label="predict"
              value={about.data!.target}
              options={about.own.columns.map((c) => [c, c])}
              choose={(v) => void app.ask("load", { name: about.own!.name, target: v }).then(() => app.changed())}
            />
          ) : (
            <>
              <Number label="rows" value={chosen.rows} min={8} max={5000} set={(v) => void app.build({ rows: v })} />
              {chosen.data !== "digits" && (
                <Number
                  label="noise"
                  value={chosen.noise}
                  min={0}
                  max={1}
                  step={0.05}
                  set={(v) => void app.build({ noise: v })}
                />
              )}
            </>
          )}
          <button type="button" onClick={() => file.current!.click()}>
            Own table…
          </button>
          <input
            ref={file}
            type="file"
            hidden
            accept=".csv,.tsv,.txt,.jsonl,.ndjson,.parquet,.arrow,.feather"
            aria-label="a table of your own"
            onChange={(e) => {
              const given = e.currentTarget.files?.[0];
              if (given) void app.load(given);
              e.currentTarget.value = "";
            }}
          />
          <p class="quiet">or drop a CSV file on the page</p>
          <h2>Network</h2>
          <Text
            label="hidden"
            value={chosen.hidden.join(", ")}
            hint="units of each layer, as 8, 8"
            set={(v) => void app.build({ hidden: counts(v) })}
          />
          {about.data?.image && (
            <Text
              label="convolutions"
              value={chosen.filters.join(", ")}
              hint="filters of each block, as 8, 16"
              set={(v) => void app.build({ filters: counts(v) })}
            />
          )}
          <Choice
            label="activation"
            value={chosen.activation}
            options={about.activations.map((a) => [a, a])}
            choose={(v) => void app.build({ activation: v })}
          />
        </form>
      )}
      {!chosen && (
        <>
          <h2>Network</h2>
          <p class="mono small">{about.network.replace(/^<Network |>$/g, "")}</p>
          <p class="quiet">{count(about.parameters)} parameters</p>
        </>
      )}
      {about.note && <p class="note">{about.note}</p>}
      {about.trainable && !about.local && (
        <form onSubmit={(e) => e.preventDefault()}>
          <h2>Training</h2>
          <Choice
            label="optimizer"
            value={settings.optimizer}
            options={about.optimizers.map((o) => [o, o])}
            choose={(v) => void app.configure({ optimizer: v })}
          />
          <Values label="learning rate" value={settings.rate} values={RATES} set={(v) => void app.configure({ rate: v })} />
          <Values label="batch" value={settings.batch} values={BATCHES} set={(v) => void app.configure({ batch: v })} />
          <Choice
            label="penalty"
            value={settings.penalty}
            options={about.penalties.map((o) => [o, o])}
            choose={(v) => void app.configure({ penalty: v, strength: v === "none" ? 0 : settings.strength || 0.001 })}
          />
          {settings.penalty !== "none" && (
            <Values
              label="strength"
              value={settings.strength}
              values={STRENGTHS}
              set={(v) => void app.configure({ strength: v })}
            />
          )}
          <Number
            label="seed"
            value={settings.seed}
            min={0}
            max={1e6}
            set={(v) => void (chosen ? app.build({ seed: v }) : app.act("reset", { seed: v }))}
          />
        </form>
      )}
      {!about.local && <Save app={app} />}
    </aside>
  );
}

function Save({ app }: { app: App }) {
  const kinds: [string, string][] = [
    ["onnx", "ONNX"],
    ["safetensors", "safetensors"],
    ["run", "Run folder"],
    ["page", "Page"],
    ...(app.about.chosen && app.about.chosen.data !== "own" ? [["python", "Python"] as [string, string]] : []),
  ];
  const save = async (kind: string) => {
    const reply = await app.ask("save", { kind });
    if (!reply) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([reply.bytes.file as BlobPart]));
    link.download = reply.data.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  return (
    <>
      <h2>Save</h2>
      <div class="row">
        {kinds.map(([kind, name]) => (
          <button key={kind} onClick={() => void save(kind)} title={`download the network as ${name}`}>
            {name}
          </button>
        ))}
      </div>
    </>
  );
}

export function Choice(props: {
  label: string;
  value: string;
  options: [string, string][];
  choose: (v: string) => void;
}) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select value={props.value} onChange={(e) => props.choose(e.currentTarget.value)}>
        {props.options.map(([v, name]) => (
          <option key={v} value={v}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A number among round ones, and whatever else the address gave. */
function Values(props: { label: string; value: number; values: number[]; set: (v: number) => void }) {
  const all = [...new Set([...props.values, props.value])].sort((a, b) => a - b);
  return (
    <Choice
      label={props.label}
      value={String(props.value)}
      options={all.map((v) => [String(v), digits(v)])}
      choose={(v) => props.set(globalThis.Number(v))}
    />
  );
}

function Number(props: {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  set: (v: number) => void;
}) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        type="number"
        min={props.min}
        max={props.max}
        step={props.step ?? 1}
        value={props.value}
        onChange={(e) => {
          const v = globalThis.Number(e.currentTarget.value);
          const kept = Math.min(props.max, Math.max(props.min, props.step ? v : Math.round(v)));
          if (globalThis.Number.isFinite(kept)) props.set(kept);
        }}
      />
    </label>
  );
}

function Text(props: { label: string; value: string; hint: string; set: (v: string) => void }) {
  const [text, setText] = useState(props.value);
  useEffect(() => setText(props.value), [props.value]);
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        type="text"
        value={text}
        title={props.hint}
        onInput={(e) => setText(e.currentTarget.value)}
        onChange={(e) => props.set(e.currentTarget.value)}
      />
    </label>
  );
}
