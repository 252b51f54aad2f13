/** One hidden layer of ReLU as a function: its neurons, its exact pieces, and the many parameters of one function. */

import { useRef, useState } from "preact/hooks";
import { digits, short } from "../format";
import { useLive } from "../hooks";
import type { App } from "../state";
import { LinePlot, PlanePlot, type Neurons } from "./neurons";
import { Fact } from "./training";

const SHOWN = 120;

export function TheoryView({ app }: { app: App }) {
  const told = useLive(app, app.about.shallow ? "pieces" : null, {});
  const [chosen, setChosen] = useState(0);
  const [best, setBest] = useState<any>(null);
  const [risk, setRisk] = useState<any>(null);
  const [strength, setStrength] = useState(0.001);
  const busy = useRef(false);
  const waiting = useRef<Record<string, unknown> | null>(null);
  if (!told && app.about.shallow) return null;
  if (!told)
    return (
      <div class="message">
        <p>
          The theorems here are about one hidden layer of ReLU. In the settings, give one hidden layer and the activation
          relu.
        </p>
        {app.about.playground && (
          <button class="primary" onClick={() => void app.build({ data: "sine", hidden: [16], filters: [], activation: "relu" })}>
            Take a sine and 16 neurons
          </button>
        )}
      </div>
    );
  const d = told.data;
  const f: Neurons = {
    ...d,
    weights: told.arrays.weights,
    biases: told.arrays.biases,
    out: told.arrays.outputs,
    norms: told.arrays.norms,
    gradients: told.arrays.gradients,
  };
  const k = Math.min(chosen, f.width - 1);
  const weights = [...f.weights.subarray(k * f.dimension, (k + 1) * f.dimension)];
  /** Move a neuron; while one move is under way, only the latest of the others waits. */
  const move = async (neuron: number, w: number[], bias: number) => {
    const fields = { neuron, weights: w, bias };
    if (busy.current) return void (waiting.current = fields);
    busy.current = true;
    await app.act("move", fields);
    busy.current = false;
    const next = waiting.current as typeof fields | null;
    waiting.current = null;
    if (next) void move(next.neuron, next.weights, next.bias);
  };
  const regression = !app.about.data?.classes.length;
  return (
    <div class="split even">
      <section class="fill" aria-label="the function and its neurons">
        <div class="bar">
          <span class="quiet">
            {f.dimension === 1
              ? "Each neuron has one kink on the axis: drag it. The line is exact."
              : f.dimension === 2
                ? "Each neuron switches on a line of the plane: drag it."
                : `${f.dimension} inputs: the neurons are listed at the right.`}
          </span>
          {best && f.dimension === 1 && (
            <span class="key">
              <i class="line dashed" style={{ borderColor: app.palette.classes[2] }} /> the best network of any width
            </span>
          )}
        </div>
        {f.dimension === 1 && f.pieces && (
          <LinePlot app={app} f={f} chosen={k} choose={setChosen} move={move} best={best} />
        )}
        {f.dimension === 2 && <PlanePlot app={app} f={f} chosen={k} choose={setChosen} move={move} />}
        {f.pieces && (
          <details class="decisions" open={f.pieces.slopes.length <= 8}>
            <summary>
              {f.pieces.slopes.length} exact {f.pieces.slopes.length === 1 ? "piece" : "pieces"}
            </summary>
            <div class="scroll pieces">
              <table>
                <thead>
                  <tr>
                    <th>from</th>
                    <th>to</th>
                    <th>slope</th>
                  </tr>
                </thead>
                <tbody>
                  {f.pieces.slopes.slice(0, 200).map((s, i) => (
                    <tr key={i}>
                      <td>{digits(f.pieces!.breaks[i])}</td>
                      <td>{digits(f.pieces!.breaks[i + 1])}</td>
                      <td>{digits(s)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </details>
        )}
      </section>
      <section class="side scroll" aria-label="neurons">
        <table class="facts">
          <tbody>
            <Fact name="neurons" value={String(f.width)} />
            <Fact name="path norm Σ |η| ν" value={digits(d.path_norm)} />
            <Fact name="weight decay Σ η² + ν²" value={digits(d.weight_decay)} />
            <Fact name="twice the path norm" value={digits(2 * d.path_norm)} />
            <Fact name="radius R of the inputs" value={digits(d.radius)} />
          </tbody>
        </table>
        {f.movable ? (
          <>
            <h2>Other parameters, the same function</h2>
            <div class="row">
              {[
                ["balance", "the least weight decay"],
                ["merge", "join neurons of one direction"],
                ["prune", "drop neurons that are zero on the data's ball"],
              ].map(([how, what]) => (
                <button key={how} title={what} onClick={() => void app.act("simplify", { how })}>
                  {how}
                </button>
              ))}
            </div>
            <Rescaler app={app} neuron={k} key={k} />
            <h2>Neuron {k + 1}</h2>
            <div class="row">
              {weights.slice(0, 6).map((w, i) => (
                <Entry
                  key={i}
                  label={f.dimension === 1 ? "weight" : `weight ${i + 1}`}
                  value={w}
                  set={(v) => void move(k, weights.map((old, j) => (i === j ? v : old)), f.biases[k])}
                />
              ))}
              <Entry label="bias" value={f.biases[k]} set={(v) => void move(k, weights, v)} />
            </div>
          </>
        ) : (
          <p class="quiet">This network reads scaled inputs: its neurons are shown, and cannot be moved here.</p>
        )}
        <div class="scroll neurons">
          <table class="rows">
            <thead>
              <tr>
                <th>neuron</th>
                <th>weights</th>
                <th>bias</th>
                <th>η</th>
                <th>|η| ν</th>
                {f.gradients && <th>gradient</th>}
              </tr>
            </thead>
            <tbody>
              {Array.from({ length: Math.min(f.width, SHOWN) }, (_, j) => (
                <tr key={j} class={j === k ? "neuron chosen" : "neuron"} onClick={() => setChosen(j)}>
                  <td>
                    <button class="link" onClick={() => setChosen(j)}>
                      {j + 1}
                    </button>
                  </td>
                  <td>
                    {[...f.weights.subarray(j * f.dimension, j * f.dimension + Math.min(3, f.dimension))].map((v) => short(v, 3)).join(", ")}
                    {f.dimension > 3 && ", …"}
                  </td>
                  <td>{short(f.biases[j])}</td>
                  <td>{[...f.out.subarray(j * f.outputs, j * f.outputs + Math.min(3, f.outputs))].map((v) => short(v, 3)).join(", ")}</td>
                  <td>{short(reach(f, j))}</td>
                  {f.gradients && <td>{short(f.gradients[j])}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {f.dimension === 1 && f.outputs === 1 && regression && app.about.trainable && (
          <>
            <h2>The best network of any width</h2>
            <p class="quiet">
              Of the mean loss on the training rows plus strength times the path norm; proved, without training.
            </p>
            <div class="row">
              <Entry label="strength" value={strength} set={(v) => v > 0 && setStrength(v)} />
              <button onClick={() => void app.ask("optimum", { strength }).then((r) => setBest(r && { ...r.data, ...r.arrays }))}>
                Find it
              </button>
              {best && <button onClick={() => setBest(null)}>Hide it</button>}
            </div>
            {best && (
              <table class="facts">
                <tbody>
                  <Fact name="objective of this network" value={digits(best.objective)} />
                  <Fact name="the best there is" value={digits(best.optimum)} />
                  <Fact name="no network has less than" value={digits(best.dual)} />
                  <Fact name="this network is above it by at most" value={digits(best.excess)} />
                </tbody>
              </table>
            )}
          </>
        )}
        {app.about.trainable && (
          <>
            <h2>What can be promised on new rows</h2>
            <button onClick={() => void app.ask("certify", {}).then((r) => setRisk(r?.data ?? null))}>
              Certify this network
            </button>
            {risk && <Certificate risk={risk} />}
          </>
        )}
      </section>
    </div>
  );
}

const reach = (f: Neurons, j: number): number =>
  f.norms[j] * Math.hypot(...f.out.subarray(j * f.outputs, (j + 1) * f.outputs));

function Entry({ label, value, set }: { label: string; value: number; set: (v: number) => void }) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="number"
        step="any"
        value={digits(value)}
        onChange={(e) => {
          const v = Number(e.currentTarget.value);
          if (e.currentTarget.value !== "" && Number.isFinite(v)) set(v);
        }}
      />
    </label>
  );
}

/** A slider that divides what enters a neuron and multiplies what leaves it: the drawing stands still. */
function Rescaler({ app, neuron }: { app: App; neuron: number }) {
  const [place, setPlace] = useState(0);
  const done = useRef(0);
  const busy = useRef(false);
  const send = async (to: number) => {
    setPlace(to);
    if (busy.current) return;
    busy.current = true;
    await app.act("rescale", { neuron, factor: 2 ** (to - done.current) });
    done.current = to;
    busy.current = false;
  };
  return (
    <label class="rescale">
      Rescale neuron {neuron + 1}{" "}
      <input
        type="range"
        min={-3}
        max={3}
        step={0.25}
        value={place}
        aria-valuetext={`what leaves it times ${digits(2 ** place)}`}
        onInput={(e) => void send(Number(e.currentTarget.value))}
        onChange={(e) => void send(Number(e.currentTarget.value))}
      />{" "}
      × {digits(2 ** place, 3)}
    </label>
  );
}

function Certificate({ risk }: { risk: any }) {
  return (
    <>
      <table class="facts">
        <tbody>
          <Fact name={risk.vacuous ? "bound (says nothing)" : "bound"} value={digits(risk.bound)} />
          <Fact name="on the rows" value={digits(risk.empirical)} />
          <Fact name="complexity" value={digits(risk.complexity)} />
          <Fact name="concentration" value={digits(risk.concentration)} />
          {risk.holdout !== null && <Fact name="from rows held out" value={digits(risk.holdout)} />}
        </tbody>
      </table>
      {(["checked", "assumed", "warnings"] as const).map(
        (name) =>
          risk[name].length > 0 && (
            <div key={name}>
              <h3>{name}</h3>
              <ul class="told">
                {risk[name].map((t: string) => (
                  <li key={t}>{t}</li>
                ))}
              </ul>
            </div>
          ),
      )}
      <h3>the chain of the complexity</h3>
      <table class="rows">
        <tbody>
          {risk.chain.map((s: any) => (
            <tr key={s.statement}>
              <td>{s.statement}</td>
              <td>
                {s.estimated ? "≈ " : "≤ "}
                {digits(s.value)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <details>
        <summary>The whole certificate</summary>
        <pre class="text">{risk.text}</pre>
      </details>
    </>
  );
}
