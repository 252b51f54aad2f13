/** The explorer as a module that notebooks load (`render`), and as a page of its own (`openPage`). */

import { render as draw } from "preact";
import { Page } from "./app";
import { Channel, socketModel, type Model } from "./channel";
import { Local, localModel } from "./local";
import css from "./style.css";

function style(el: HTMLElement): void {
  const root = el.getRootNode();
  if (root instanceof Document || root instanceof ShadowRoot) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  } else {
    // not in the document yet, as in some notebooks
    const own = document.createElement("style");
    own.textContent = css;
    el.append(own);
  }
}

function show(model: Model, el: HTMLElement, whole: boolean, channel = new Channel(model)): () => void {
  style(el);
  const inside = document.createElement("div");
  inside.className = whole ? "reseau whole" : "reseau cell";
  el.append(inside);
  draw(<Page channel={channel} root={inside} hash={whole} />, inside);
  return () => draw(null, inside);
}

/** The whole page, served by `reseau explore`. */
export function openPage(el: HTMLElement): void {
  const address = new URL("socket", location.href.split("#")[0]);
  address.protocol = address.protocol.replace("http", "ws");
  let channel: Channel | null = null;
  const model = socketModel(address.href, (why) => channel?.fail(why));
  channel = new Channel(model);
  show(model, el, true, channel);
}

/** A page that `--export` wrote holds its network, and opens itself. */
const own = typeof document === "undefined" ? null : document.getElementById("reseau-network");
if (own) {
  const local = new Local(JSON.parse(own.textContent!));
  Object.assign(window, { reseau: local });
  show(localModel(local), document.getElementById("explorer")!, true);
}

export default {
  render({ model, el }: { model: Model; el: HTMLElement }) {
    return show(model, el, false);
  },
};
