/** What views share: a reply that is asked again when something changed, and the size of an element. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Reply } from "./channel";
import type { App } from "./state";

/** The reply to a command, asked again when `keys` change; at most one question is under way. */
export function useReply(
  app: App,
  command: string | null,
  fields: Record<string, unknown>,
  keys: unknown[],
): Reply | null {
  const [kept, setKept] = useState<{ reply: Reply | null; problem: number }>({ reply: null, problem: app.problem });
  const busy = useRef(false);
  const again = useRef(false);
  const asked = { command, fields, problem: app.problem };
  const now = useRef(asked);
  now.current = asked;
  const gone = useRef(false);
  useEffect(() => () => void (gone.current = true), []);
  // before the page is drawn, so that a refresh knows what was asked
  useLayoutEffect(() => {
    const run = async () => {
      const { problem } = now.current;
      if (!now.current.command) return setKept({ reply: null, problem });
      if (busy.current) return void (again.current = true);
      busy.current = true;
      const found = await app.pace.gathered(app.ask(now.current.command, now.current.fields));
      if (gone.current) return;
      setKept({ reply: found, problem });
      busy.current = false;
      if (again.current) {
        again.current = false;
        void run();
      }
    };
    void run();
  }, [command, ...keys]);
  return kept.problem === app.problem ? kept.reply : null; // never that of another network or other rows
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
