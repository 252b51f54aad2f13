/** How often a page looks at a fit that runs: what it takes is measured, and kept within a share of the time. */

const SHARE = 0.05; // of each core; with what the trainer takes to look, a fit takes less than a tenth longer
const LONGEST_SILENCE = 1000; // milliseconds after which where training stands is told, whatever is waited for

const OUT_OF_SIGHT = 1.25; // times what is seen of drawing that drawing takes: other threads and processes paint

const after = (milliseconds: number): Promise<unknown> => new Promise((done) => setTimeout(done, milliseconds));

/** What asks the question of a view; the promise is of what shows its answer. */
export type Look = () => Promise<() => void>;

/**
 * Where training stands is shown as it is told, about ten times a second. The views that ask for more are refreshed with
 * it, all at once, as often as all of it together takes no more than its share of the time.
 */
export class Pace {
  /** The questions of what is on the screen. */
  readonly views = new Set<Look>();
  private latest: (() => void) | null = null;
  private busy = false;
  private told = 0;
  private refreshed = 0; // when the views were last asked
  private spent = 0; // milliseconds, from then on
  private hops = new MessageChannel();

  constructor(private cores: () => number) {}

  /** Steps were taken: `tell` shows where training stands. */
  async offer(tell: () => void): Promise<void> {
    this.latest = tell;
    if (this.busy) {
      if (performance.now() - this.told < LONGEST_SILENCE) return;
      this.told = performance.now();
      return tell();
    }
    this.busy = true;
    while (this.latest) {
      const show = this.latest;
      this.latest = null;
      const share = Math.min(SHARE * this.cores(), 1);
      const began = performance.now();
      const due = this.views.size > 0 && began - this.refreshed >= this.spent / share;
      const answers = due ? await Promise.all([...this.views].map((look) => look())) : [];
      const answered = performance.now() - began;
      for (const answer of answers) answer();
      show();
      const took = answered + OUT_OF_SIGHT * (await this.drawn());
      this.told = performance.now();
      [this.refreshed, this.spent] = due ? [began, took] : [this.refreshed, this.spent + took];
      // views are paid for before they are asked again; a quarter of the share is kept for them
      if (!due) await after((took / share) * (this.views.size ? 4 / 3 : 1) - (this.told - began));
    }
    this.busy = false;
  }

  /** Draw what was changed; the milliseconds that it takes, without the wait for the screen's next picture. */
  private async drawn(): Promise<number> {
    const changed = performance.now();
    await null; // the views were to be drawn before this was to go on
    const waits = performance.now();
    const paints = await new Promise<number>((done) => requestAnimationFrame(() => done(performance.now())));
    await this.soon();
    return performance.now() - paints + waits - changed;
  }

  /** Until the picture that was begun is made; a timer would wait for four milliseconds. */
  private soon(): Promise<void> {
    return new Promise((done) => {
      this.hops.port1.onmessage = () => done();
      this.hops.port2.postMessage(null);
    });
  }
}
