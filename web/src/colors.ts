/** One set of colors for light and one for dark; those of classes are distinct for color-blind readers.
 *
 * Sources: M. Okabe and K. Ito, Color Universal Design, 2008; P. Tol, Colour Schemes, 2021.
 */

export interface Palette {
  dark: boolean;
  back: string;
  panel: string;
  ink: string;
  muted: string;
  line: string;
  accent: string;
  accentInk: string;
  warn: string;
  classes: string[];
}

const CLASSES = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#d55e00",
  "#cc79a7",
  "#56b4e9",
  "#b3a500",
  "#8c8c8c",
  "#5b4fb0",
  "#8a6d3b",
];

/** A third of the way to white, for marks on a dark ground. */
function lighter(hex: string): string {
  return `#${[1, 3, 5].map((i) => Math.round(parseInt(hex.slice(i, i + 2), 16) * 0.7 + 76.5).toString(16).padStart(2, "0")).join("")}`;
}

export const LIGHT: Palette = {
  dark: false,
  back: "#f5f6f8",
  panel: "#ffffff",
  ink: "#1b2530",
  muted: "#56616d",
  line: "#dcdfe3",
  accent: "#1f5fa8",
  accentInk: "#ffffff",
  warn: "#a33c00",
  classes: CLASSES,
};

export const DARK: Palette = {
  dark: true,
  back: "#12161b",
  panel: "#1a2027",
  ink: "#e8ecf0",
  muted: "#a3aeb9",
  line: "#353e48",
  accent: "#7fb6f0",
  accentInk: "#0d1319",
  warn: "#ffad7a",
  classes: CLASSES.map(lighter),
};

export const classColor = (p: Palette, k: number): string => p.classes[k % p.classes.length];

export const rgb = (hex: string): [number, number, number] => [
  parseInt(hex.slice(1, 3), 16),
  parseInt(hex.slice(3, 5), 16),
  parseInt(hex.slice(5, 7), 16),
];

export function mix(a: [number, number, number], b: [number, number, number], t: number): [number, number, number] {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/** A number from -1 to 1 as a color from blue over the panel's color to orange. */
export function diverging(p: Palette, t: number): [number, number, number] {
  const middle = rgb(p.panel);
  const end = t < 0 ? rgb("#2b6cb0") : rgb("#e07b00");
  return mix(middle, end, Math.min(1, Math.abs(t)) * 0.9);
}

/** A box of the graph in its family's color, so pale or so dark that text is read on it. */
export function boxColor(p: Palette, hex: string): string {
  const [r, g, b] = mix(rgb(hex), rgb(p.panel), p.dark ? 0.66 : 0.6);
  return `rgb(${r | 0},${g | 0},${b | 0})`;
}
