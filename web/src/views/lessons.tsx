/** Three guided lessons of the course: each a list of steps that set the page and say what to look at. */

import type { App, Chosen, Settings, View } from "../state";

interface Stage {
  text: string;
  view: View;
  build?: Partial<Chosen>;
  configure?: Partial<Settings>;
  act?: [string, Record<string, unknown>];
  row?: number;
  node?: string;
}

export interface Lesson {
  title: string;
  about: string;
  stages: Stage[];
}

const SMALL: Partial<Chosen> = { data: "kink", rows: 40, noise: 0.05, hidden: [2], filters: [], activation: "relu", seed: 1 };
const WAVE: Partial<Chosen> = { data: "sine", rows: 128, noise: 0.2, filters: [], activation: "relu", seed: 0 };

export const LESSONS: Lesson[] = [
  {
    title: "A network is a graph",
    about: "Nodes that name the nodes they read; values go forward along the edges, derivatives come back.",
    stages: [
      {
        text: "This network has one input and two hidden neurons. Every box is one operation, the arrows are values, and the shapes stand beside them.",
        view: "graph",
        build: SMALL,
        node: "",
      },
      {
        text: "The node hidden1 computes w x + b for both neurons. At the right stand its value for row 1 and the derivative of that row's loss by it.",
        view: "graph",
        node: "hidden1",
        row: 0,
      },
      {
        text: "Parameters are nodes too. This is the weight of the hidden layer: choose one of its numbers, give it another value, and every node after it changes.",
        view: "graph",
        node: "hidden1.weight",
      },
      {
        text: "All values of one row, in the order of evaluation, and on the right every product of the chain rule that brings the derivative back. Where several nodes read one node, what they send back is summed.",
        view: "step",
        row: 0,
      },
    ],
  },
  {
    title: "A step of SGD",
    about: "The gradient on a few rows, a small move against it, and what many such moves do.",
    stages: [
      {
        text: "One row, one step: the gradient by each parameter, and the parameters after a step of stochastic gradient descent. Compare the last column with before minus rate times derivative.",
        view: "step",
        build: SMALL,
        configure: { optimizer: "sgd", rate: 0.1, batch: 1, penalty: "none", strength: 0 },
        row: 0,
      },
      {
        text: "Take single steps with the button above (or the key s). With one row in a batch the curve of the loss jumps: each step looks at one row only.",
        view: "training",
        act: ["steps", { count: 50 }],
      },
      {
        text: "With 16 rows in a batch the gradient varies less. Start training, and compare with the earlier run.",
        view: "training",
        configure: { batch: 16 },
        act: ["reset", { seed: 1 }],
      },
      {
        text: "A learning rate that is too large makes the loss leave the finite numbers, or jump for ever. Set it to 3 at the left, start, and read what is said; then set it back and reset.",
        view: "training",
      },
    ],
  },
  {
    title: "What wide networks do",
    about: "A narrow network ends where chance leads it; wide ones end alike, and close to the best of any width.",
    stages: [
      {
        text: "Five neurons on a noisy sine. Start training; then reset with other seeds at the left: some runs end in a bad place.",
        view: "data",
        build: { ...WAVE, hidden: [5] },
        configure: { optimizer: "adam", rate: 0.01, batch: 16, penalty: "none", strength: 0 },
      },
      {
        text: "The five kinks of this network are the handles below: drag one, and see the function, its pieces and the path norm move.",
        view: "theory",
      },
      {
        text: "A hundred neurons: the same training finds a good function from every seed. Start, and compare the curves.",
        view: "training",
        build: { ...WAVE, hidden: [100] },
      },
      {
        text: "Let the program find the best network of any width for this penalty, with a proof (Find it, at the right); then train with that penalty in mind and look how near the wide network comes.",
        view: "theory",
      },
    ],
  },
];

/** Set the page as a stage of a lesson wants it. */
export async function enter(app: App, stage: Stage): Promise<void> {
  if (stage.build && app.about.playground) await app.build({ ...app.about.chosen, ...stage.build });
  if (stage.configure) await app.configure(stage.configure);
  if (stage.act) await app.act(...stage.act);
  app.choose({
    view: stage.view,
    ...(stage.row === undefined ? {} : { row: stage.row }),
    ...(stage.node === undefined ? {} : { node: stage.node }),
  });
}

export function LessonsView({ app }: { app: App }) {
  if (!app.about.playground)
    return <p class="message">The lessons choose data and networks of their own: start reseau explore without a model.</p>;
  return (
    <div class="steps">
      <div class="cards lessons-list">
        {LESSONS.map((lesson, i) => (
          <section class="card" key={lesson.title}>
            <h2>
              {i + 1}. {lesson.title}
            </h2>
            <p>{lesson.about}</p>
            <p class="quiet">{lesson.stages.length} steps; they set the page, and you drive it.</p>
            <button class="primary" onClick={() => app.choose({ lesson: [i, 0] })}>
              Begin
            </button>
          </section>
        ))}
        <section class="card">
          <h2>Keys</h2>
          <table class="keys">
            <tbody>
              {[
                ["1 … 6", "", "the views"],
                ["space", "", "start, pause"],
                ["s", "", "one step"],
                ["r", "", "reset"],
                ["← → ↑ ↓", "in the graph", "from node to node"],
                ["+ − 0", "in the graph", "zoom, fit"],
                ["← →", "on a kink or line", "move the neuron"],
              ].map(([key, where, what]) => (
                <tr key={key + where}>
                  <th scope="row">
                    <kbd>{key}</kbd> <span class="quiet">{where}</span>
                  </th>
                  <td>{what}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
    </div>
  );
}

/** What the lesson says, above the view; on to the next step, and back. */
export function LessonBar({ app, at }: { app: App; at: [number, number] }) {
  const [l, s] = at;
  const lesson = LESSONS[l];
  const last = s === lesson.stages.length - 1;
  return (
    <div class="lesson-bar" role="region" aria-label="lesson">
      <b>
        {lesson.title}
        <span>
          {s + 1} of {lesson.stages.length}
        </span>
      </b>
      <p aria-live="polite">{lesson.stages[s].text}</p>
      <button disabled={s === 0} onClick={() => app.choose({ lesson: [l, s - 1] })}>
        Back
      </button>
      <button class="primary" onClick={() => app.choose({ lesson: last ? null : [l, s + 1], ...(last ? { view: "lessons" as const } : {}) })}>
        {last ? "Done" : "Next"}
      </button>
    </div>
  );
}
