/** What views share: a reply that is asked again when something changed, and the size of an element. */

import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { Reply } from "./channel";
import type { Progress } from "./live";
import type { App } from "./state";

/** The reply to a command, asked again when `keys` or the problem change; at most one question is under way. */
export function useReply(
  app: App,
  command: string | null,
  fields: Record<string, unknown>,
  keys: unknown[],
  live = false,
): Reply | null {
  const [kept, setKept] = useState<{ reply: Reply | null; problem: number }>({ reply: null, problem: app.problem });
  const busy = useRef(false);
  const again = useRef(false);
  const gone = useRef(false);
  const now = useRef({ command, fields, problem: app.problem });
  now.current = { command, fields, problem: app.problem };
  /** Put the question; what shows the answer. */
  const answered = async (put: App["ask"]): Promise<() => void> => {
    const { command, fields, problem } = now.current;
    busy.current = true;
    const reply = command ? await put(command, fields) : null;
    busy.current = false;
    if (again.current) void ask();
    return () => void (gone.current || setKept({ reply, problem }));
  };
  const ask = async (): Promise<void> => {
    again.current = busy.current;
    if (!busy.current) (await answered(app.ask))();
  };
  useEffect(() => {
    const look = async () => (busy.current || !now.current.command ? () => {} : answered(app.look));
    if (live) app.pace.views.add(look);
    return () => {
      app.pace.views.delete(look);
      gone.current = true;
    };
  }, []);
  // before the page is drawn, so that the answer is there soon
  useLayoutEffect(() => void ask(), [command, app.problem, ...keys]);
  return kept.problem === app.problem ? kept.reply : null; // never that of another network or other rows
}

/** The reply for the parameters as they are: it is asked again while training runs, as often as the page may. */
export const useLive = (app: App, command: string | null, fields: Record<string, unknown>, keys: unknown[] = []) =>
  useReply(app, command, fields, [...keys, app.version], true);

/** Where training stands, followed. */
export function useProgress(app: App): Progress {
  const [, draw] = useReducer<number, void>((n) => n + 1, 0);
  useLayoutEffect(() => {
    const read = () => draw();
    app.live.readers.add(read);
    return () => void app.live.readers.delete(read);
  }, []);
  return app.live.progress;
}

/** A canvas of so many pixels, drawn again when its size or `keys` change. */
export function useDrawing(
  width: number,
  height: number,
  draw: (g: CanvasRenderingContext2D) => void,
  keys: unknown[],
): preact.RefObject<HTMLCanvasElement> {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current && width > 0 && height > 0) draw(sharp(canvas.current, width, height));
  }, [width, height, ...keys]);
  return canvas;
}

/** Width and height of an element, followed. */
export function useSize<T extends HTMLElement>(): [preact.RefObject<T>, number, number] {
  const box = useRef<T>(null);
  const [size, setSize] = useState<[number, number]>([0, 0]);
  useEffect(() => {
    if (!box.current) return;
    const look = () => {
      const found = box.current!.getBoundingClientRect();
      setSize([Math.floor(found.width), Math.floor(found.height)]);
    };
    const watcher = new ResizeObserver(look);
    watcher.observe(box.current);
    look();
    return () => watcher.disconnect();
  }, []);
  return [box, size[0], size[1]];
}

/** A canvas of so many pixels of the page, sharp on every screen; what draws on it. */
function sharp(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const g = canvas.getContext("2d")!;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  return g;
}
