/** One step, explained: every number forward, every product of the chain rule back, sums, the update, differences. */

import { useState } from "preact/hooks";
import { digits, place } from "../format";
import { useReply } from "../hooks";
import type { App } from "../state";
import { RowChooser } from "./node";

interface Numbers {
  shape: number[];
  data?: (number | string)[];
  norm?: number;
}

interface Pull {
  node: string;
  parent: string;
  cotangent: Numbers;
  jacobian: Numbers | null;
  product: Numbers;
}

interface Step {
  name: string;
  formula: string;
  value: Numbers;
  given: Numbers | null;
  cotangent: Numbers | null;
  pulls: Pull[];
  source: boolean;
  kinks: { entry: number[]; subgradient: number }[];
}

const SPELLED = 16;

/** The entries of a small array as Python shows them; shape and norm of a large one. */
export function show(a: Numbers): string {
  if (!a.data || a.data.length > SPELLED) return `<(${a.shape.join(", ")})${a.norm === undefined ? "" : `, norm ${digits(a.norm)}`}>`;
  const nest = (shape: number[], from: number): string => {
    if (!shape.length) return digits(a.data![from]);
    const size = shape.slice(1).reduce((x, y) => x * y, 1);
    return `[${Array.from({ length: shape[0] }, (_, i) => nest(shape.slice(1), from + i * size)).join(", ")}]`;
  };
  return nest(a.shape, 0);
}

export function StepView({ app }: { app: App }) {
  const [rows, setRows] = useState(1);
  const [checking, setChecking] = useState(false);
  const resting = app.running ? -1 : app.version;
  const told = useReply(app, "explain", { row: app.row, rows }, [app.row, rows, resting]);
  const checked = useReply(app, checking ? "differences" : null, { row: app.row, rows }, [
    checking,
    app.row,
    rows,
    resting,
  ]);
  const steps = (told?.data.steps ?? []) as Step[];
  const back = [...steps].reverse();
  const sent = steps.flatMap((s) => s.pulls.map((p) => ({ to: s, pull: p })));
  return (
    <div class="steps">
      <div class="bar">
        <RowChooser app={app} />
        <label>
          rows in the batch{" "}
          <input
            type="number"
            min={1}
            max={8}
            value={rows}
            onChange={(e) => setRows(Math.min(8, Math.max(1, Math.round(Number(e.currentTarget.value)))))}
          />
        </label>
        {told && (
          <span class="quiet">
            {told.data.scalar}; d(v) = ∂L/∂v.
            {app.running && " It rests while training runs."}
          </span>
        )}
      </div>
      {told && (
        <div class="cards">
          <div class="column">
          <section class="card" aria-label="forward">
            <h2>1. Forward: each node after the nodes it reads</h2>
            <ul class="chain">
              {steps
                .filter((s) => !s.source || s.cotangent || s.value.shape.length)
                .map((s) => (
                  <li key={s.name}>
                    <button class="link" onClick={() => app.choose({ node: s.name, view: "graph" })}>
                      {s.name}
                    </button>{" "}
                    <span class="quiet">{s.formula}</span>
                    <div class="mono" data-value={s.name}>
                      = {show(s.value)}
                    </div>
                    {s.kinks.map((k) => (
                      <div class="kink" key={k.entry.join()}>
                        kink at entry {k.entry.join(",")}: it reads exactly 0, and the subgradient taken there is{" "}
                        {digits(k.subgradient)}
                      </div>
                    ))}
                  </li>
                ))}
            </ul>
          </section>
          <section class="card" aria-label="update">
            <h2>
              3. Update: the first step of {told.data.optimizer}, learning rate {digits(told.data.rate)}
            </h2>
            {told.data.update.length === 0 && <p class="quiet">There is nothing to update.</p>}
            {told.data.update.map((u: { name: string; old: Numbers; gradient: Numbers; new: Numbers }) => (
              <div key={u.name}>
                <h3>{u.name}</h3>
                {u.old.data && u.old.data.length <= 64 ? (
                  <table class="numbers">
                    <thead>
                      <tr>
                        <th>entry</th>
                        <th>before</th>
                        <th>derivative</th>
                        <th>after</th>
                      </tr>
                    </thead>
                    <tbody>
                      {u.old.data.slice(0, 24).map((v, i) => (
                        <tr key={i}>
                          <td>{place(i, u.old.shape) || "·"}</td>
                          <td>{digits(v)}</td>
                          <td>{digits(u.gradient.data![i])}</td>
                          <td>{digits(u.new.data![i])}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                ) : (
                  <p class="mono">
                    {show(u.old)} → {show(u.new)}
                  </p>
                )}
              </div>
            ))}
          </section>
          </div>
          <div class="column">
          <section class="card" aria-label="backward">
            <h2>2. Backward: each node after the nodes that read it</h2>
            {!told.data.spelled && (
              <p class="quiet">The graph has too many operations to spell out its products; these are its derivatives.</p>
            )}
            <ul class="chain">
              {back
                .filter((s) => s.cotangent)
                .map((s) => (
                  <li key={s.name}>
                    <Collected step={s} />
                    {sent
                      .filter(({ pull }) => pull.node === s.name)
                      .map(({ to, pull }) => (
                        <Products key={to.name} pull={pull} />
                      ))}
                  </li>
                ))}
            </ul>
          </section>
          <section class="card" aria-label="check by finite differences">
            <h2>4. Check: finite differences</h2>
            <p class="quiet">
              Each parameter is moved a little up and down, in 64 bits, and the difference of L is divided by the distance.
            </p>
            {!checking && <button onClick={() => setChecking(true)}>Check the derivatives</button>}
            {checked && <Differences data={checked.data} />}
          </section>
          </div>
        </div>
      )}
    </div>
  );
}

/** What came back to a node: each part and their sum. */
function Collected({ step }: { step: Step }) {
  const parts = [
    ...(step.given ? [`${show(step.given)} given`] : []),
    ...step.pulls.map((p) => `${show(p.product)} from ${p.node}`),
  ];
  return (
    <div class={parts.length > 1 ? "sum" : ""}>
      <span class="mono">
        <b>d({step.name})</b> = {parts.join(" + ")}
        {parts.length > 1 && <> = {show(step.cotangent!)}</>}
        {!parts.length && show(step.cotangent!)}
      </span>
      {parts.length > 1 && <span class="quiet"> summed, because several nodes read it</span>}
    </div>
  );
}

/** One line for each entry of the parent: its terms and their sum. */
function Products({ pull }: { pull: Pull }) {
  const [open, setOpen] = useState(false);
  if (!pull.jacobian?.data || !pull.product.data)
    return (
      <div class="product mono">
        to {pull.parent}: {show(pull.product)}{" "}
        <span class="quiet">its local derivatives are too many to spell out</span>
      </div>
    );
  const n = pull.product.data.length;
  const m = pull.cotangent.data?.length ?? 0;
  const lines = pull.product.data.map((sum, k) => {
    const terms = [];
    for (let i = 0; i < m; i++) {
      const a = Number(pull.cotangent.data![i]);
      const b = Number(pull.jacobian!.data![i * n + k]);
      if (a * b !== 0) terms.push(`(${digits(a)} × ${digits(b)})`);
    }
    const where = pull.product.shape.length ? `${pull.parent}[${place(k, pull.product.shape)}]` : pull.parent;
    return `d(${where}) = ${terms.length ? `${terms.join(" + ")} = ` : ""}${digits(sum)}`;
  });
  const shown = open ? lines : lines.slice(0, 4);
  return (
    <div class="product" data-products={`${pull.node} to ${pull.parent}`}>
      <span class="quiet">to {pull.parent}:</span>
      {shown.map((line, k) => (
        <div class="mono" key={k}>
          {line}
        </div>
      ))}
      {lines.length > 4 && (
        <button class="link" onClick={() => setOpen(!open)}>
          {open ? "fewer" : `all ${lines.length} products`}
        </button>
      )}
    </div>
  );
}

function Differences({ data }: { data: any }) {
  if (data.why) return <p class="quiet">{data.why}.</p>;
  return (
    <>
      <p>
        The largest distance is <b>{digits(data.worst)}</b> over {data.entries.length} entries.
      </p>
      <table class="numbers">
        <thead>
          <tr>
            <th>entry</th>
            <th>derivative</th>
            <th>difference</th>
          </tr>
        </thead>
        <tbody>
          {data.entries.map((e: any) => (
            <tr key={`${e.name}${e.entry}`}>
              <td>
                {e.name}[{e.entry.join(",")}]
              </td>
              <td>{digits(e.derivative)}</td>
              <td>{digits(e.difference)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
