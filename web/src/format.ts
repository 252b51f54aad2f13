/** Numbers as Python prints them, so that the page and a notebook say the same. */

/** Six significant digits, as Python's `format(x, ".6g")`; a negative zero is a zero. */
export function digits(x: number | string | null | undefined, places = 6): string {
  if (x === null || x === undefined) return "–";
  if (typeof x === "string") return x;
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  const [mantissa, power] = x.toExponential(places - 1).split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= places) {
    const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    return `${short}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const fixed = x.toFixed(Math.max(0, places - 1 - exponent));
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
}

/** A measure that there may be none of yet. */
export const measure = (x: number | string, places = 6): string => (x === "nan" ? "–" : digits(x, places));

/** Fewer digits, for axes and tables that are glanced at. */
export const short = (x: number | string | null | undefined, places = 4): string => digits(x, places);

/** A whole number with commas. */
export const count = (n: number): string => COMMAS.format(Math.round(n));

const COMMAS = new Intl.NumberFormat("en-US");

export const percent = (x: number): string => `${digits(100 * x, 4)} %`;

/** The entries of an array by their indices: "2,0". */
export function place(i: number, shape: number[]): string {
  const found: number[] = [];
  for (let k = shape.length - 1; k >= 0; k--) {
    found.unshift(i % shape[k]);
    i = Math.floor(i / shape[k]);
  }
  return found.join(",");
}
