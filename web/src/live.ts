/** What changes many times a second while a network trains: only what shows it is drawn again, not the page. */

import type { Reply } from "./channel";

/** Where training stands. */
export interface Progress {
  step: number;
  epoch: number;
  loss: number | string;
  validation: number | string;
  /** The step whose parameters were validated last; where that takes long, it is seldom done while steps are taken. */
  validated: number;
  seconds: number;
  speed: number;
  running: boolean;
  error: string;
  /** A number that grows from one start of training to the next. */
  run: number;
  /** Of the curve, and kept for the slider; an event is one point more. */
  points: number;
  moments: number;
}

export interface Moment {
  step: number;
  source: string;
}

/** The curve of this run. Each event brings its last point; the whole is asked for where points are missing. */
export class Curve {
  steps: number[] = [];
  loss: number[] = [];
  validation: number[] = [];
  kept: Moment[] = [];
  /** How often the whole came, and how often it was found to be needed. */
  whole = 0;
  gaps = 0;

  add(p: Progress): void {
    if (p.points === this.steps.length + 1) {
      this.steps.push(p.step);
      this.loss.push(number(p.loss));
      this.validation.push(p.validated === p.step ? number(p.validation) : NaN);
    }
    if (p.moments === this.kept.length + 1) this.kept.push({ step: p.step, source: "" });
    if (p.points !== this.steps.length || p.moments !== this.kept.length) this.gaps++;
  }

  put({ arrays, data }: Reply): void {
    [this.steps, this.loss, this.validation] = [arrays.steps, arrays.loss, arrays.validation].map((a) => [...a]);
    this.kept = data.kept;
    this.whole++;
  }
}

/** A number of Python; one that is not finite comes as a text. */
export const number = (value: number | string): number => (typeof value === "number" ? value : NaN);

/** Where training stands, and who shows it. */
export class Live {
  readonly curve = new Curve();
  readonly readers = new Set<() => void>();
  private latest: Progress | null = null;

  get progress(): Progress {
    return this.latest!; // there is one before a view is drawn
  }

  tell(progress: Progress): void {
    this.latest = progress;
    for (const read of this.readers) read();
  }
}
