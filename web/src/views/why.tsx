/** Why this prediction: the share of each input, from the mean of the rows to this one. */

import { useState } from "preact/hooks";
import { digits, short } from "../format";
import { useReply } from "../hooks";
import type { App } from "../state";
import { Images } from "./node";

const SHOWN = 12;
const METHODS: Record<string, string> = {
  exact: "the shares add up exactly, because the network is piecewise affine",
  integrated: "the gradient along the way, by a quadrature",
};

export function Why({ app }: { app: App }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="why" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>Why this prediction, for row {app.row + 1}</summary>
      {open && <Shares app={app} />}
    </details>
  );
}

function Shares({ app }: { app: App }) {
  if (app.about.data!.columns.some((c) => c.categories.length))
    return <p class="quiet">Shares are told of columns of numbers; this table has texts among them.</p>;
  return <NumberShares app={app} />;
}

function NumberShares({ app }: { app: App }) {
  const resting = app.running ? -1 : app.version;
  const told = useReply(app, "attribute", { row: app.row }, [app.row, resting]);
  if (!told) return null;
  const d = told.data;
  const shares = told.arrays.shares;
  const order = [...shares.keys()].sort((a, b) => Math.abs(shares[b]) - Math.abs(shares[a])).slice(0, SHOWN);
  const most = Math.max(1e-12, ...order.map((i) => Math.abs(shares[i])));
  const image = d.names.length === 0;
  return (
    <>
      <p class="quiet">
        {d.of}: from {digits(d.from)} at {image ? "an empty image" : "the mean of the rows"} to {digits(d.to)} here;{" "}
        {METHODS[d.method]}; they leave {short(d.missing)}.
      </p>
      {image ? (
        <Images palette={app.palette} data={shares} shape={[1, ...app.about.data!.shape]} />
      ) : (
        <table class="shares">
          <tbody>
            {order.map((i) => (
              <tr key={i}>
                <th scope="row">
                  {d.names[i]} = {short(d.values[i])}
                </th>
                <td class="track">
                  <i
                    style={{
                      marginLeft: `${shares[i] < 0 ? 50 - (50 * -shares[i]) / most : 50}%`,
                      width: `${(50 * Math.abs(shares[i])) / most}%`,
                      background: shares[i] < 0 ? "#2b6cb0" : "#d97a00",
                    }}
                  />
                </td>
                <td>{digits(shares[i])}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
