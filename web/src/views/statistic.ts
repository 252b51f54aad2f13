/** What is measured of a node over many rows, and how it is told. */

import { short } from "../format";

export interface Statistic {
  name: string;
  mean: number;
  spread: number;
  gradient: number | null;
  units: number;
  dead: number;
}

/** The number that a node is shaded by, if it has one. */
export const measured = (s: Statistic | undefined, shade: string): number | null =>
  !s ? null : shade === "spread" ? s.spread : shade === "derivative" ? s.gradient : s.units ? s.dead / s.units : null;

export const statisticText = (s: Statistic): [string, string][] => [
  ["mean", short(s.mean)],
  ["spread", short(s.spread)],
  ["norm of the derivative", short(s.gradient)],
  ...(s.units ? ([["dead units", `${s.dead} of ${s.units}`]] as [string, string][]) : []),
];
