/** The graph: boxes that are drawn where they are seen, statistics of nodes, one node's value and derivative. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { boxColor, type Palette } from "../colors";
import { short } from "../format";
import { useDrawing, useLive, useReply, useSize } from "../hooks";
import type { App } from "../state";
import { NodePanel } from "./node";
import { measured, type Statistic } from "./statistic";

interface Box {
  name: string;
  lines: string[];
  family: string;
  shape: string;
  role: string;
  tooltip: string;
  place: [number, number, number, number];
}

interface Drawn {
  boxes: Box[];
  edges: [number, number][];
  wires: [number, number, number, number][][];
  width: number;
  height: number;
  folds: boolean;
  families: Record<string, string>;
  title: string;
}

interface Look {
  x: number;
  y: number;
  scale: number;
}

const SHADES = ["operation", "spread", "derivative", "dead units"] as const;

export function GraphView({ app }: { app: App }) {
  const [folded, setFolded] = useState(true);
  const [search, setSearch] = useState("");
  const [shade, setShade] = useState<(typeof SHADES)[number]>("operation");
  const graph = useReply(app, "graph", { folded }, [folded]);
  const statistics = useLive(app, "statistics", {});
  const drawn = graph?.data as Drawn | undefined;
  const found = useMemo(() => matches(drawn, search), [drawn, search]);
  const byName = useMemo(
    () => new Map(((statistics?.data.nodes ?? []) as Statistic[]).map((s) => [s.name, s])),
    [statistics],
  );
  const problems = (statistics?.data.problems ?? []) as string[];
  return (
    <div class="split">
      <section class="fill" aria-label="graph">
        <div class="bar">
          <input
            type="search"
            placeholder="Search name, kind, shape"
            aria-label="search nodes by name, kind or shape"
            value={search}
            onInput={(e) => setSearch(e.currentTarget.value)}
            onKeyDown={(e) => e.key === "Enter" && found.length && app.choose({ node: found[0].name })}
          />
          <label>
            Shade by{" "}
            <select value={shade} onChange={(e) => setShade(e.currentTarget.value as typeof shade)}>
              {SHADES.map((s) => (
                <option key={s}>{s}</option>
              ))}
            </select>
          </label>
          {drawn && (drawn.folds || !folded) && (
            <label>
              <input type="checkbox" checked={folded} onChange={(e) => setFolded(e.currentTarget.checked)} /> fold
              repeated blocks
            </label>
          )}
          {shade === "operation" ? <span class="quiet">{drawn?.title}</span> : <Scale app={app} shade={shade} statistics={byName} />}
        </div>
        {drawn && <GraphCanvas app={app} drawn={drawn} statistics={byName} shade={shade} found={found} />}
        {search && (
          <ul class="found" aria-label="nodes found">
            {found.slice(0, 40).map((box) => (
              <li key={box.name}>
                <button onClick={() => app.choose({ node: box.name })}>
                  {box.name} <span class="quiet">{box.shape}</span>
                </button>
              </li>
            ))}
            {!found.length && <li class="quiet">nothing found</li>}
          </ul>
        )}
        {problems.length > 0 && (
          <ul class="problems" aria-label="what is wrong">
            {problems.map((p) => (
              <li key={p}>{p}</li>
            ))}
          </ul>
        )}
      </section>
      <NodePanel
        app={app}
        statistic={byName.get(app.node)}
        rows={statistics?.data.rows ?? 0}
        all={(statistics?.data.nodes ?? []) as Statistic[]}
      />
    </div>
  );
}

function matches(drawn: Drawn | undefined, search: string): Box[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!drawn || !words.length) return [];
  return drawn.boxes.filter((box) => {
    const text = `${box.name} ${box.lines.join(" ")} ${box.shape} ${box.tooltip} ${box.family}`.toLowerCase();
    return box.name && words.every((w) => text.includes(w));
  });
}

interface CanvasProps {
  app: App;
  drawn: Drawn;
  statistics: Map<string, Statistic>;
  shade: string;
  found: Box[];
}

function GraphCanvas({ app, drawn, statistics, shade, found }: CanvasProps) {
  const [frame, width, height] = useSize<HTMLDivElement>();
  const [look, setLook] = useState<Look | null>(null);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const fit = (): Look => {
    const scale = Math.min(1.15, (width - 30) / drawn.width, Math.max((height - 30) / drawn.height, 0.62));
    return { scale, x: (width - drawn.width * scale) / 2, y: Math.max(10, (height - drawn.height * scale) / 2) };
  };
  useEffect(() => {
    if (width) setLook(fit());
  }, [drawn, width > 0, height > 0]);
  const chosen = drawn.boxes.find((b) => b.name === app.node && b.name);
  useEffect(() => {
    // a chosen box that is not to be seen is brought to the middle
    if (!look || !chosen) return;
    const [x, y, w, h] = chosen.place;
    const sx = look.x + (x + w / 2) * look.scale;
    const sy = look.y + (y + h / 2) * look.scale;
    if (sx < 0 || sy < 0 || sx > width || sy > height)
      setLook({ ...look, x: look.x + width / 2 - sx, y: look.y + height / 2 - sy });
  }, [chosen]);
  const canvas = useDrawing(
    width,
    height,
    (g) => look && paint(g, app, drawn, statistics, shade, found, look, width, height),
    [drawn, shade === "operation" ? null : statistics, shade, found, look, app.node, app.palette],
  );
  const zoom = (factor: number, cx = width / 2, cy = height / 2) =>
    look &&
    setLook(() => {
      const scale = Math.min(4, Math.max(0.01, look.scale * factor));
      const k = scale / look.scale;
      return { scale, x: cx - (cx - look.x) * k, y: cy - (cy - look.y) * k };
    });
  const at = (e: MouseEvent): Box | undefined => {
    if (!look) return undefined;
    const r = canvas.current!.getBoundingClientRect();
    const x = (e.clientX - r.left - look.x) / look.scale;
    const y = (e.clientY - r.top - look.y) / look.scale;
    return drawn.boxes.find(({ place: [a, b, w, h] }) => x >= a && x <= a + w && y >= b && y <= b + h);
  };
  const key = (e: KeyboardEvent) => {
    const i = app.node ? drawn.boxes.findIndex((b) => b.name === app.node) : -1;
    const to = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    let next: number | undefined;
    if (to) {
      const near = drawn.edges.filter((d) => d[to === 1 ? 0 : 1] === i).map((d) => d[to === 1 ? 1 : 0]);
      next = i < 0 ? 0 : near.find((k) => drawn.boxes[k].name);
    } else if (e.key === "ArrowRight" || e.key === "ArrowLeft") {
      const step = e.key === "ArrowRight" ? 1 : -1;
      for (next = i + step; drawn.boxes[next] && !drawn.boxes[next].name; next += step);
    } else if (e.key === "+" || e.key === "=") zoom(1.25);
    else if (e.key === "-") zoom(0.8);
    else if (e.key === "0") setLook(fit());
    else return;
    e.preventDefault();
    if (next !== undefined && drawn.boxes[next]) app.choose({ node: drawn.boxes[next].name });
  };
  return (
    <div class="canvas" ref={frame}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-label={`${drawn.title}. Arrow keys go from node to node, plus and minus zoom. Chosen: ${app.node || "none"}`}
        onKeyDown={key}
        onWheel={(e) => {
          e.preventDefault();
          const r = canvas.current!.getBoundingClientRect();
          zoom(Math.exp(-e.deltaY / 500), e.clientX - r.left, e.clientY - r.top);
        }}
        onPointerDown={(e) => {
          e.currentTarget.setPointerCapture(e.pointerId);
          drag.current = { x: e.clientX, y: e.clientY, moved: false };
        }}
        onPointerMove={(e) => {
          const d = drag.current;
          if (!d || !look) {
            canvas.current!.title = at(e)?.tooltip ?? "";
            return;
          }
          if (!d.moved && Math.hypot(e.clientX - d.x, e.clientY - d.y) < 4) return;
          setLook({ ...look, x: look.x + e.clientX - d.x, y: look.y + e.clientY - d.y });
          drag.current = { x: e.clientX, y: e.clientY, moved: true };
        }}
        onPointerUp={(e) => {
          const box = drag.current?.moved ? undefined : at(e);
          drag.current = null;
          if (box?.name) app.choose({ node: box.name });
        }}
      />
      <div class="zoom" role="group" aria-label="zoom">
        <button onClick={() => zoom(1.25)} title="zoom in (+)" aria-label="zoom in">
          +
        </button>
        <button onClick={() => zoom(0.8)} title="zoom out (-)" aria-label="zoom out">
          −
        </button>
        <button onClick={() => setLook(fit())} title="fit (0)" aria-label="fit the graph">
          ⤢
        </button>
      </div>
    </div>
  );
}

/** Draw what is seen; texts where they can be read. */
function paint(
  g: CanvasRenderingContext2D,
  app: App,
  drawn: Drawn,
  statistics: Map<string, Statistic>,
  shade: string,
  found: Box[],
  look: Look,
  width: number,
  height: number,
): void {
  const p = app.palette;
  const { scale, x, y } = look;
  const seen = (a: number, b: number, w: number, h: number) =>
    a * scale + x < width && (a + w) * scale + x > 0 && b * scale + y < height && (b + h) * scale + y > 0;
  g.save();
  g.translate(x, y);
  g.scale(scale, scale);
  g.strokeStyle = p.muted;
  g.globalAlpha = 0.7;
  g.lineWidth = Math.max(1.2, 0.6 / scale);
  g.beginPath();
  for (const wire of drawn.wires)
    for (const [x1, y1, x2, y2] of wire) {
      if (!seen(Math.min(x1, x2), Math.min(y1, y2), Math.abs(x2 - x1) + 1, Math.abs(y2 - y1) + 1)) continue;
      g.moveTo(x1, y1);
      const middle = (y1 + y2) / 2;
      if (Math.abs(x1 - x2) < 0.05) g.lineTo(x2, y2);
      else g.bezierCurveTo(x1, middle, x2, middle, x2, y2);
    }
  g.stroke();
  g.globalAlpha = 1;
  const marked = new Set(found.map((b) => b.name));
  const shader = shading(p, statistics, shade);
  const texts = scale > 0.33;
  for (const box of drawn.boxes) {
    const [a, b, w, h] = box.place;
    if (!seen(a - 60, b, w + 160, h + 20)) continue;
    const chosen = box.name !== "" && box.name === app.node;
    g.beginPath();
    g.roundRect(a, b, w, h, box.role === "input" || box.role === "output" ? h / 2 : 6);
    g.fillStyle = shader(box) ?? boxColor(p, drawn.families[box.family] ?? "#ffffff");
    if (box.role === "output" || (box.role === "input" && shade === "operation")) g.fillStyle = p.panel;
    g.fill();
    g.lineWidth = chosen ? 3.5 : marked.has(box.name) ? 3 : 1.2;
    const own = drawn.families[box.family];
    g.strokeStyle = chosen || marked.has(box.name) ? p.accent : own && shade === "operation" && box.role !== "input" && box.role !== "output" ? own : p.muted;
    g.setLineDash(box.role === "fold" || box.role === "parameter" ? [5, 3] : []);
    g.stroke();
    g.setLineDash([]);
    if (!texts) continue;
    g.fillStyle = p.ink;
    g.textAlign = "center";
    box.lines.forEach((line, i) => {
      g.font = i ? "11px system-ui, sans-serif" : "600 13px system-ui, sans-serif";
      g.fillText(line, a + w / 2, b + 20 + (i ? 17 + 15 * (i - 1) : 0), w - 6);
    });
    if (box.shape && scale > 0.45) {
      g.font = "10.5px system-ui, sans-serif";
      g.textAlign = "left";
      g.fillStyle = p.muted;
      g.fillText(box.shape, a + w / 2 + 6, b + h + 14);
    }
  }
  g.restore();
}

/** What the shades mean: the least and the largest number. */
function Scale({ app, shade, statistics }: { app: App; shade: string; statistics: Map<string, Statistic> }) {
  const found = [...statistics.values()].map((s) => measured(s, shade)).filter((v): v is number => v !== null && v > 0);
  if (!found.length && shade !== "dead units") return <span class="quiet">nothing was measured</span>;
  const [low, high] = shade === "dead units" ? ["none", "all"] : [short(Math.min(...found)), short(Math.max(...found))];
  const color = (t: number) => `color-mix(in srgb, ${shade === "dead units" ? "#d55e00" : "#0072b2"} ${8 + 60 * t}%, ${app.palette.panel})`;
  return (
    <span class="scale">
      {low} <i style={{ background: `linear-gradient(90deg, ${color(0)}, ${color(1)})` }} /> {high}
    </span>
  );
}

/** The color of a box by what was measured; a number between the least and the largest of all nodes, in logarithms. */
function shading(p: Palette, statistics: Map<string, Statistic>, shade: string): (box: Box) => string | undefined {
  if (shade === "operation") return () => undefined;
  const of = (s: Statistic | undefined) => measured(s, shade);
  const logs = [...statistics.values()].map(of).filter((v): v is number => v !== null && v > 0).map(Math.log10);
  const low = Math.min(...logs);
  const high = Math.max(...logs);
  return (box) => {
    const value = of(statistics.get(box.name));
    if (value === null) return p.panel;
    const t = shade === "dead units" ? value : value > 0 ? (Math.log10(value) - low) / (high - low || 1) : 0;
    return `color-mix(in srgb, ${shade === "dead units" ? "#d55e00" : "#0072b2"} ${Math.round(8 + 60 * t)}%, ${p.panel})`;
  };
}
