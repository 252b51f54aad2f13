/** How the page talks to Python: commands go out with a number, replies come back with it, events without one. */

/** The part of a notebook's widget model that is used; `socketModel` makes the same of a WebSocket. */
export interface Model {
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(name: string, callback: (content: any, buffers: DataView[]) => void): void;
  off?(name: string, callback?: unknown): void;
}

export type Arrays = Record<string, Float32Array>;

export interface Reply<D = any> {
  kind: string;
  data: D;
  arrays: Arrays;
  bytes: Record<string, Uint8Array>;
}

interface Told {
  name: string;
  shape: number[];
  type: string;
}

/** An error that Python told: what it says, and the cure in its last line. */
export class Refused extends Error {}

export class Channel {
  private next = 1;
  private waiting = new Map<number, { resolve: (r: Reply) => void; reject: (e: Error) => void }>();
  onEvent: (reply: Reply) => void = () => {};
  onClosed: (why: string) => void = () => {};

  constructor(private model: Model) {
    model.on("msg:custom", (content, buffers) => this.take(content, buffers));
  }

  ask(command: string, fields: Record<string, unknown> = {}, file?: ArrayBuffer): Promise<Reply> {
    const number = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.model.send({ command, ...fields, number }, undefined, file ? [file] : undefined);
    });
  }

  private take(content: any, buffers: DataView[]): void {
    if (content.kind === "closed") {
      this.fail(content.data.text);
      return;
    }
    const reply: Reply = { kind: content.kind, data: content.data, arrays: {}, bytes: {} };
    (content.buffers as Told[]).forEach((told, i) => {
      const view = buffers[i];
      const copy = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
      if (told.type === "uint8") reply.bytes[told.name] = new Uint8Array(copy);
      else reply.arrays[told.name] = new Float32Array(copy);
    });
    const asked = content.number === null ? undefined : this.waiting.get(content.number);
    if (asked) {
      this.waiting.delete(content.number);
      if (reply.kind === "error") asked.reject(new Refused(reply.data.text));
      else asked.resolve(reply);
    } else {
      this.onEvent(reply);
    }
  }

  /** Nothing will come any more. */
  fail(why: string): void {
    for (const { reject } of this.waiting.values()) reject(new Refused(why));
    this.waiting.clear();
    this.onClosed(why);
  }
}

/** A WebSocket as a model: the messages that a notebook would carry, packed into one piece each. */
export function socketModel(address: string, failed: (why: string) => void): Model {
  let listener: (content: any, buffers: DataView[]) => void = () => {};
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const early: (string | ArrayBuffer)[] = [];
  socket.onopen = () => early.splice(0).forEach((m) => socket.send(m));
  socket.onmessage = (event) => {
    const all = event.data as ArrayBuffer;
    const length = new DataView(all).getUint32(0, true);
    const content = JSON.parse(new TextDecoder().decode(new Uint8Array(all, 4, length)));
    let at = 4 + length;
    const buffers = (content.buffers as Told[]).map((told) => {
      const size = told.shape.reduce((a, b) => a * b, 1) * (told.type === "uint8" ? 1 : 4);
      const view = new DataView(all, at, size);
      at += size + ((4 - (size % 4)) % 4);
      return view;
    });
    listener(content, buffers);
  };
  socket.onclose = (event) => {
    const why: Record<number, string> = {
      1008: "The server refused this page: open the address that reseau explore printed.",
      1009: "The message was too long for the server.\n  fix: a smaller file; reload the page",
      1013: "Too many pages are open.\n  fix: close some, then reload this one",
    };
    failed(
      why[event.code] ??
        "The server has stopped: nothing on this page is computed any more.\n  fix: start reseau explore again, open the address it prints, and add what stands after # in this one",
    );
  };
  return {
    send(content, _callbacks, buffers) {
      const text = JSON.stringify(content);
      let message: string | ArrayBuffer = text;
      if (buffers && buffers.length) {
        const head = new TextEncoder().encode(text);
        const whole = new Uint8Array(4 + head.length + buffers[0].byteLength);
        new DataView(whole.buffer).setUint32(0, head.length, true);
        whole.set(head, 4);
        whole.set(new Uint8Array(buffers[0]), 4 + head.length);
        message = whole.buffer;
      }
      if (socket.readyState === WebSocket.CONNECTING) early.push(message);
      else if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    on(_name, callback) {
      listener = callback;
    },
  };
}
