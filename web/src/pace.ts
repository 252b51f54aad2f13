/** How often a page looks at a fit that runs: what it takes is measured, and kept within a share of the time. */

const SHARE = 0.05; // of each core; with what the trainer takes to look, a fit takes less than a tenth longer
const LONGEST_SILENCE = 1000; // milliseconds after which at least the step and the loss are told

const OUT_OF_SIGHT = 2; // times what is seen of drawing that drawing takes: other threads and processes paint

const after = (milliseconds: number): Promise<unknown> => new Promise((done) => setTimeout(done, milliseconds));

/** Until what was begun is done; a timer would wait for four milliseconds. */
const soon = (): Promise<void> =>
  new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), done());
    port2.postMessage(null);
  });

/** Draw what was changed; the milliseconds that it takes, without the wait for the screen's next picture. */
async function drawn(): Promise<number> {
  const changed = performance.now();
  await soon();
  const waits = performance.now();
  const paints = await new Promise<number>((done) => requestAnimationFrame(() => done(performance.now())));
  await soon();
  return performance.now() - paints + waits - changed;
}

/**
 * Refreshes, one after the other. In each, all views ask at once, what they are told is drawn at once, and then the page
 * rests until all of it together has taken no more than its share of the time.
 */
export class Pace {
  private asked: Promise<unknown>[] | null = null; // the questions of the refresh that is under way
  private together: Promise<void> = Promise.resolve();
  private latest: [() => void, () => void] | null = null;
  private busy = false;
  private told = 0;

  constructor(private cores: () => number) {}

  /** Whether a question that is asked now belongs to a refresh. */
  get refreshing(): boolean {
    return this.asked !== null;
  }

  /** Steps were taken: `look` makes the views ask, `tell` shows what is known without asking. */
  async offer(look: () => void, tell: () => void): Promise<void> {
    this.latest = [look, tell];
    if (this.busy) {
      if (performance.now() - this.told < LONGEST_SILENCE) return;
      this.told = performance.now();
      return tell();
    }
    this.busy = true;
    while (this.latest) {
      const [ask, show] = this.latest;
      this.latest = null;
      const began = performance.now();
      const took = await this.refresh(ask, show);
      this.told = performance.now();
      await after(took / Math.min(SHARE * this.cores(), 1) - (this.told - began));
    }
    this.busy = false;
  }

  /** The milliseconds that a refresh takes. */
  private async refresh(look: () => void, tell: () => void): Promise<number> {
    const began = performance.now();
    let all = () => {};
    this.together = new Promise((done) => (all = done));
    this.asked = [];
    look();
    await soon(); // the views have asked
    const { asked } = this;
    this.asked = null;
    await Promise.allSettled(asked);
    const answered = performance.now() - began;
    tell();
    all();
    return answered + OUT_OF_SIGHT * (await drawn());
  }

  /** The answer to a question, once the other questions of its refresh are answered too. */
  async gathered<T>(question: Promise<T>): Promise<T> {
    if (!this.asked) return question;
    this.asked.push(question);
    const { together } = this;
    const answer = await question;
    await together;
    return answer;
  }
}
