/** The page: what it knows, the bar above, the settings at the left, one view. */

import { useCallback, useEffect, useErrorBoundary, useMemo, useReducer, useRef, useState } from "preact/hooks";
import type { Channel, Reply } from "./channel";
import { DARK, LIGHT, type Palette } from "./colors";
import { Sidebar, Transport } from "./controls";
import { Live, type Progress } from "./live";
import { Pace } from "./pace";
import { fromHash, TITLES, toHash, VIEWS, type App, type Described, type Settings, type View } from "./state";
import { DataView } from "./views/data";
import { GraphView } from "./views/graph";
import { enter, LESSONS, LessonBar, LessonsView } from "./views/lessons";
import { StepView } from "./views/step";
import { TheoryView } from "./views/theory";
import { TrainingView } from "./views/training";

const MOST_BYTES = 2 ** 26; // of a file, as the server has it
const LONGEST_WAIT = 60; // milliseconds after which the losses of a network that rests are asked for

interface State {
  about: Described | null;
  running: boolean;
  settings: Settings | null;
  view: View;
  row: number;
  node: string;
  version: number;
  problem: number;
  error: string;
  closed: string;
  lesson: [number, number] | null;
}

type Change = Partial<State> | ((s: State) => Partial<State>);

const reduce = (s: State, change: Change): State => ({ ...s, ...(typeof change === "function" ? change(s) : change) });

const EMPTY: State = {
  about: null,
  running: false,
  settings: null,
  view: "data",
  row: 0,
  node: "",
  version: 0,
  problem: 0,
  error: "",
  closed: "",
  lesson: null,
};

const VIEW_OF = {
  graph: GraphView,
  training: TrainingView,
  data: DataView,
  step: StepView,
  theory: TheoryView,
  lessons: LessonsView,
};

export function Page({ channel, root, hash }: { channel: Channel; root: HTMLElement; hash: boolean }) {
  const [state, set] = useReducer(reduce, EMPTY);
  const now = useRef(state);
  now.current = state;
  const [theme, setTheme] = useTheme(root);
  const palette = usePalette(root, theme);
  const [wide, setWide] = useState(() => matchMedia("(min-width: 701px)").matches); // on a small screen the view comes first

  const missing = useRef<{ file: string; target: string } | null>(null); // a table that the address names
  const [asked, setAsked] = useState(0);
  const busy = useLate(asked > 0, 500);

  const pace = useMemo(() => new Pace(() => now.current.about?.cores ?? 1), []);
  const live = useMemo(() => new Live(), []);

  const look = useCallback(async (command: string, fields = {}, file?: ArrayBuffer): Promise<Reply | null> => {
    try {
      return await channel.ask(command, fields, file);
    } catch (error) {
      set({ error: (error as Error).message });
      return null;
    }
  }, []);

  const ask = useCallback(async (command: string, fields = {}, file?: ArrayBuffer): Promise<Reply | null> => {
    setAsked((n) => n + 1);
    const reply = await look(command, fields, file);
    if (reply?.kind === "describe") take(reply.data);
    setAsked((n) => n - 1);
    return reply;
  }, []);

  const take = (about: Described) => {
    live.tell(about.progress);
    set((s) => ({
      about,
      running: about.progress.running,
      settings: about.settings,
      row: Math.min(s.row, about.rows - 1),
      problem: s.problem + 1,
      version: s.version + 1,
      error: "",
    }));
  };

  /** Where training stands, told by other than its steps: whatever shows the parameters asks again. */
  const stand = (progress: Progress, error: string) => {
    live.tell(progress);
    set((s) => ({ running: progress.running, version: s.version + 1, error }));
  };

  const act = async (command: string, fields: Record<string, unknown> = {}) => {
    const reply = await ask(command, fields);
    if (!reply) return;
    if (reply.data.step === undefined) set((s) => ({ version: s.version + 1, error: "" }));
    else stand(reply.data, reply.data.error);
    if (command === "reset") set((s) => ({ settings: { ...s.settings!, seed: fields.seed as number } }));
    if (command === "simplify") await ask("describe");
  };

  const configure = async (part: Partial<Settings>) => {
    const before = now.current.settings!;
    const settings = { ...before, ...part };
    set({ settings });
    const { seed: _seed, ...sent } = settings;
    const reply = await ask("configure", sent);
    if (!reply) set({ settings: before });
    else set((s) => ({ version: s.version + 1 }));
  };

  useEffect(() => {
    channel.onEvent = (event) => {
      if (event.kind !== "progress") return;
      const progress = event.data as Progress;
      live.curve.add(progress);
      const stale = () => !live.progress.running && progress.run <= live.progress.run; // it was paused meanwhile
      if (!progress.running) return stand(progress, progress.error || now.current.error);
      if (!stale() && !now.current.running) set({ running: true });
      void pace.offer(() => stale() || live.tell(progress));
    };
    channel.onClosed = (closed) => set({ closed });
    void start();
  }, []);

  const start = async () => {
    const reply = await ask("describe");
    if (!reply || !hash) return;
    const about = reply.data as Described;
    const wanted = fromHash(location.hash, about);
    set({ view: wanted.view, row: Math.min(wanted.row, about.rows - 1), node: wanted.node });
    if (about.local) return;
    const own = wanted.chosen?.data === "own";
    if (own) {
      missing.current = { file: wanted.file, target: wanted.target };
      const data = about.chosen!.data;
      await ask("build", { ...wanted.chosen, data, filters: [] });
      set({
        error: `This address was made with your own table ${wanted.file}, whose rows never leave your machine and are not in the address.\n  fix: drop ${wanted.file} on the page, or choose it with "Own table…": network and settings are those of the address`,
      });
    }
    if (wanted.chosen && !own && JSON.stringify(wanted.chosen) !== JSON.stringify(about.chosen))
      await ask("build", { ...wanted.chosen });
    else if (!wanted.chosen && wanted.settings.seed !== about.settings.seed) await act("reset", { seed: wanted.settings.seed });
    const { seed: _seed, ...sent } = wanted.settings;
    const { seed: _old, ...usual } = about.settings;
    if (about.trainable && JSON.stringify(sent) !== JSON.stringify(usual)) await configure(sent);
    if (wanted.view) set({ view: wanted.view, row: Math.min(wanted.row, now.current.about!.rows - 1), node: wanted.node });
  };

  const app: App | null = state.about && {
    ...(state as Omit<State, "about" | "settings">),
    about: state.about,
    settings: state.settings!,
    palette,
    channel,
    pace,
    live,
    ask,
    look,
    act,
    configure,
    choose: (part) => set(part),
    changed: () => set((s) => ({ version: s.version + 1 })),
    build: async (part) => void (await ask("build", { ...state.about!.chosen, ...part })),
    load: async (file, target = "") => {
      if (file.size > MOST_BYTES)
        return set({ error: `${file.name} has ${file.size.toLocaleString("en-US")} bytes\n  fix: up to 64 MiB here; reseau train reads larger files` });
      const wanted = missing.current?.file === file.name ? missing.current.target : "";
      if (await ask("load", { name: file.name, target: target || wanted }, await file.arrayBuffer())) missing.current = null;
    },
  };

  // a network that rests tells its losses, whoever changed it
  const resting = !!app && app.about.trainable && !app.running && live.progress.loss === "nan";
  useEffect(() => {
    if (!resting) return;
    const timer = setTimeout(async () => {
      const reply = await ask("measure");
      if (reply && !live.progress.running) live.tell(reply.data);
    }, LONGEST_WAIT);
    return () => clearTimeout(timer);
  }, [resting, state.version]);

  useEffect(() => {
    if (app && state.lesson) void enter(app, LESSONS[state.lesson[0]].stages[state.lesson[1]]);
  }, [state.lesson]);

  useEffect(() => {
    if (!hash || !app || missing.current || (state.problem < 2 && location.hash.length > 1 && state.version < 2)) return;
    const words = `#${toHash(app)}`;
    if (words !== location.hash) history.replaceState(null, "", words);
  });

  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      const to = e.composedPath()[0] as HTMLElement;
      if (!app || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(to.tagName)) return;
      const n = Number(e.key) - 1;
      if (VIEWS[n]) set({ view: VIEWS[n] });
      else if (e.key === " " && to.tagName !== "BUTTON" && to.tagName !== "SUMMARY") void app.act(app.running ? "pause" : "run");
      else if (e.key === "s" && !app.running) void app.act("steps", { count: 1 });
      else if (e.key === "r") void app.act("reset", { seed: app.settings.seed });
      else return;
      e.preventDefault();
    };
    const target: EventTarget = hash ? document : root;
    target.addEventListener("keydown", key as EventListener);
    return () => target.removeEventListener("keydown", key as EventListener);
  });

  if (!app) return <p class="message closed">{state.closed || state.error || "Connecting…"}</p>;
  const Shown = VIEW_OF[state.view];
  const views = VIEWS.filter((v) => !app.about.local || v === "graph" || v === "data");
  const turn = (e: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const next = views[(views.indexOf(state.view) + step + views.length) % views.length];
    set({ view: next });
    root.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <div
      class="page"
      onDragOver={(e) => e.preventDefault()}
      onDrop={(e) => {
        e.preventDefault();
        const file = e.dataTransfer?.files[0];
        if (file) void app.load(file);
      }}
    >
      {busy && <div class="busy" role="status" aria-label="computing" />}
      <header>
        <div class="brand">
          <button
            class="plain"
            aria-label="settings"
            aria-expanded={wide}
            title="show or hide the settings"
            onClick={() => setWide(!wide)}
          >
            ☰
          </button>
          <h1>
            reseau <span title={app.about.title}>{app.about.title}</span>
          </h1>
        </div>
        <nav role="tablist" aria-label="views" onKeyDown={turn}>
          {views.map((v, i) => (
            <button
              key={v}
              id={`tab-${v}`}
              role="tab"
              aria-selected={v === state.view}
              aria-controls="view"
              tabIndex={v === state.view ? 0 : -1}
              title={`${TITLES[v]} (${i + 1})`}
              onClick={() => set({ view: v })}
            >
              {TITLES[v]}
            </button>
          ))}
        </nav>
        <Transport app={app} />
        <button
          class="plain theme"
          onClick={() => setTheme(palette.dark ? "light" : "dark")}
          title="light or dark"
          aria-label={palette.dark ? "use light colors" : "use dark colors"}
        >
          {palette.dark ? "☀" : "☾"}
        </button>
      </header>
      {(state.error || state.closed) && (
        <div class="error" role="alert">
          <pre>{state.closed || state.error}</pre>
          <button onClick={() => set({ error: "", closed: "" })} aria-label="close this message">
            ✕
          </button>
        </div>
      )}
      {state.lesson && <LessonBar app={app} at={state.lesson} />}
      <div class="body">
        {wide && <Sidebar app={app} />}
        <div class="view" id="view" role="tabpanel" aria-labelledby={`tab-${state.view}`}>
          <Guarded key={state.view}>
            <Shown app={app} />
          </Guarded>
        </div>
      </div>
    </div>
  );
}

/** A view that fails says so, and leaves the rest of the page alone. */
function Guarded({ children }: { children: preact.ComponentChildren }) {
  const [error, again] = useErrorBoundary();
  if (!error) return <>{children}</>;
  return (
    <div class="message">
      <p>This view met a fault of its own: {String(error)}</p>
      <button onClick={again}>Try again</button>
    </div>
  );
}

/** True once `on` has been true for so long. */
function useLate(on: boolean, after: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!on) return setLate(false);
    const timer = setTimeout(() => setLate(true), after);
    return () => clearTimeout(timer);
  }, [on]);
  return late;
}

const THEME = "reseau-theme";

/** The choice that was made last, in this browser; until one was made, that of the system. */
function kept(): string {
  try {
    return localStorage.getItem(THEME) ?? "auto";
  } catch {
    return "auto";
  }
}

function useTheme(root: HTMLElement): [string, (theme: string) => void] {
  const [theme, setTheme] = useState(kept);
  useEffect(() => void (root.dataset.theme = theme), [theme]);
  const choose = (chosen: string) => {
    setTheme(chosen);
    try {
      localStorage.setItem(THEME, chosen);
    } catch {
      // a browser that keeps nothing: the choice lasts as long as the page
    }
  };
  return [theme, choose];
}

/** The palette, and its colors as variables of the style sheet. */
function usePalette(root: HTMLElement, theme: string): Palette {
  const system = useMemo(() => matchMedia("(prefers-color-scheme: dark)"), []);
  const [dark, setDark] = useState(system.matches);
  useEffect(() => {
    const look = () => setDark(system.matches);
    system.addEventListener("change", look);
    return () => system.removeEventListener("change", look);
  }, []);
  const palette = theme === "dark" || (theme === "auto" && dark) ? DARK : LIGHT;
  for (const [name, value] of Object.entries(palette))
    if (typeof value === "string") root.style.setProperty(`--${name}`, value);
  root.style.colorScheme = palette.dark ? "dark" : "light";
  return palette;
}
