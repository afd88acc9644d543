/**
 * The client's end of the WebSocket: dials, says hello, carries requests by id, follows processes, and when the link is
 * lost dials again by itself and resumes every followed process without losing or doubling a byte.
 * Socket, signer and clock are passed in, so that it runs in a page's worker, in Node and in tests. It keeps no key and
 * writes no log. A request in flight when the link is lost ends with OFFLINE: who asked decides whether to ask again.
 */
import { decodeServer, type Decoded } from './decode.ts';
import { fail, MhnosError, ok, type Fault, type Result } from './errors.ts';
import { Follower, type FollowEvents } from './follow.ts';
import { decodeFrame, encodeFrame, type Frame } from './frames.ts';
import { helloText } from './hello.ts';
import { FEATURES, VERSIONS } from './limits.ts';
import { ANSWER, type AnswerTo, type ClientInput, type RequestType, type Server, type ServerMessage } from './messages.ts';

/** What both WebSocket of browsers and of `ws` offer. Messages arrive as strings or ArrayBuffers. */
export interface LinkSocket {
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}
export interface SocketEvents {
  open(): void;
  message(data: string | ArrayBuffer): void;
  /** once, whether it ever opened or not */
  close(code: number): void;
}
export type OpenSocket = (url: string, events: SocketEvents) => LinkSocket;

/** The device's key pair for one bridge. The private key never leaves it. */
export interface Signer {
  /** the Origin that the handshake carries; '' for a command */
  readonly origin: string;
  /** @returns the id under which this bridge knows the device, or null when never paired */
  device(bridge: string): Promise<string | null>;
  /** raw P-256 point, base64url; makes the pair where there is none */
  publicKey(bridge: string): Promise<string>;
  sign(bridge: string, text: string): Promise<string>;
  paired(bridge: string, device: string): Promise<void>;
}

export interface LinkClock {
  now(): number;
  /** @returns a function that cancels */
  after(milliseconds: number, run: () => void): () => void;
  random(): number;
}

export type LinkState = 'off' | 'connecting' | 'connected' | 'lost';

export interface LinkOptions {
  readonly open: OpenSocket;
  /** null: the box on its own socket, which needs no key */
  readonly signer: Signer | null;
  readonly clock: LinkClock;
  readonly kind: 'browser' | 'command' | 'box';
  /** how the device is called in lists */
  readonly name: string;
  onState?(state: LinkState, fault: Fault | null): void;
  onChanges?(changes: Server<'changes'>): void;
  /** Everything that is no answer: for the box, which serves requests over the same socket. Raw text and frames. */
  serve?: { text(text: string): void; frame(frame: Frame): void };
}

/** ms */
const TIMES = {
  /** without any answer a request fails, and without any message the link is taken for lost */
  silence: 30_000,
  ping: 15_000,
  /** first pause before dialling again; doubles up to the last, each with up to half of it as jitter */
  firstPause: 250,
  lastPause: 15_000,
};

/** Close codes of ours: the bridge says why in an `error` before it closes; these mean that dialling again is useless. */
export const CLOSE_REFUSED = 4001;

interface Waiting {
  readonly type: RequestType;
  readonly settle: (result: Result<ServerMessage>) => void;
  readonly onPart: ((message: ServerMessage) => void) | undefined;
  cancelTimer: () => void;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #followers = new Map<number, Follower>();
  #socket: LinkSocket | null = null;
  #state: LinkState = 'off';
  #url: string | null = null;
  #code: string | null = null;
  #welcome: Server<'welcome'> | null = null;
  #fault: Fault | null = null;
  #nextId = 1;
  #attempts = 0;
  #lastHeard = 0;
  #roundTrip: number | null = null;
  #cancelDial: () => void = () => {};
  #cancelPing: () => void = () => {};
  #firstAnswer: ((result: Result<Server<'welcome'>>) => void) | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get state(): LinkState {
    return this.#state;
  }
  get url(): string | null {
    return this.#url;
  }
  get welcome(): Server<'welcome'> | null {
    return this.#state === 'connected' ? this.#welcome : null;
  }
  /** the last reason why there is no link */
  get fault(): Fault | null {
    return this.#fault;
  }
  /** ms; null before the first ping was answered */
  get roundTripMs(): number | null {
    return this.#roundTrip;
  }
  get binary(): boolean {
    return this.#welcome?.features.includes('binary-frames') ?? false;
  }

  /**
   * Dials and says hello. From then on the link is made again by itself until `disconnect`.
   * @param url ws:// or wss://, checked by the caller
   * @param code a pairing code, used once; null for a device that is paired
   */
  async connect(url: string, code: string | null): Promise<Result<Server<'welcome'>>> {
    this.disconnect();
    this.#url = url;
    this.#code = code;
    this.#attempts = 0;
    return new Promise((resolve) => {
      this.#firstAnswer = resolve;
      this.#dial();
    });
  }

  disconnect(): void {
    this.#url = null;
    this.#end(null);
    this.#setState('off', null);
    for (const follower of this.#followers.values()) follower.failed({ code: 'OFFLINE', message: 'disconnected. The process goes on.' });
    this.#followers.clear();
  }

  /** Something suggests that dialling now may work: the browser came online, the tab was shown. */
  nudge(): void {
    if (this.#state === 'lost') {
      this.#cancelDial();
      this.#attempts = 0;
      this.#dial();
    } else if (this.#state === 'connected' && this.#options.clock.now() - this.#lastHeard > TIMES.ping) this.#ping();
  }

  /**
   * Asks and waits for the answer.
   * @param onPart gets messages that come before the answer: `moving`, pages of `changes`
   */
  async request<T extends RequestType>(
    type: T,
    body: Omit<ClientInput<T>, 'type' | 'id'>,
    onPart?: (message: ServerMessage) => void,
    signal?: AbortSignal,
  ): Promise<Result<AnswerTo<T>>> {
    if (this.#state !== 'connected') return this.#offline();
    return this.#ask<T>(type, body, onPart, signal);
  }

  /** Sends what needs no answer. Dropped when there is no link. */
  post(message: Record<string, unknown> & { type: string }): void {
    if (this.#state === 'connected') this.#send(JSON.stringify(message));
  }

  sendFrame(frame: Frame): void {
    if (this.#state === 'connected') this.#socket?.send(encodeFrame(frame));
  }

  /** Text as it is: the box's answers. */
  sendText(text: string): void {
    if (this.#state === 'connected') this.#send(text);
  }

  /**
   * Follows a process's output from `from` on, over lost links, until `stop` or its end.
   * @param from sequence number of the first byte wanted; null: all that is kept
   */
  async follow(pid: number, from: number | null, tty: { columns: number; rows: number } | null, events: FollowEvents): Promise<Result<Follower>> {
    this.#followers.get(pid)?.stop();
    const follower = new Follower(pid, from, tty, events, {
      attach: (body) => this.request('attach', body),
      detach: () => {
        if (this.#followers.get(pid) !== follower) return;
        this.#followers.delete(pid);
        void this.request('detach', { pid });
      },
      input: (bytes) => this.sendFrame({ kind: 'input', pid, seq: 0, bytes }),
      resize: (columns, rows) => this.post({ type: 'resize', pid, columns, rows }),
      taken: (seq) => this.sendFrame({ kind: 'taken', pid, seq, bytes: new Uint8Array() }),
      ended: () => this.#followers.delete(pid),
    });
    this.#followers.set(pid, follower);
    const attached = await follower.begin();
    if (!attached.ok) {
      this.#followers.delete(pid);
      return attached;
    }
    return ok(follower);
  }

  // ------------------------------------------------------------ dialling

  #dial(): void {
    const url = this.#url;
    if (url === null) return;
    this.#setState(this.#attempts === 0 && this.#welcome === null ? 'connecting' : this.#state === 'lost' ? 'lost' : 'connecting', this.#fault);
    const { open, clock } = this.#options;
    let socket: LinkSocket | null = null;
    const mine = (): boolean => this.#socket === socket && socket !== null;
    const tooLong = clock.after(TIMES.silence, () => {
      if (mine()) this.#lost('no answer within 30 s');
    });
    socket = open(url, {
      open: () => {},
      message: (data) => {
        if (!mine()) return;
        tooLong();
        this.#lastHeard = clock.now();
        this.#receive(data);
      },
      close: (code) => {
        tooLong();
        if (mine()) this.#lost(code === CLOSE_REFUSED ? (this.#fault?.message ?? 'refused') : 'the connection ended', code === CLOSE_REFUSED);
      },
    });
    this.#socket = socket;
  }

  #lost(why: string, final = false): void {
    const fault: Fault = final && this.#fault !== null ? this.#fault : { code: 'OFFLINE', message: why };
    this.#end(fault);
    const first = this.#firstAnswer;
    if (first !== null || final) {
      // A first dial that fails is an answer to the person who typed it; a link that worked is made again.
      this.#firstAnswer = null;
      this.#url = null;
      this.#setState('off', fault);
      for (const follower of this.#followers.values()) follower.failed(fault);
      this.#followers.clear();
      first?.({ ok: false, fault });
      return;
    }
    if (this.#url === null) return;
    this.#setState('lost', fault);
    for (const follower of this.#followers.values()) follower.lost();
    const base = Math.min(TIMES.lastPause, TIMES.firstPause * 2 ** this.#attempts++);
    const pause = base * (0.5 + this.#options.clock.random() / 2);
    this.#cancelDial = this.#options.clock.after(pause, () => this.#dial());
  }

  #end(fault: Fault | null): void {
    this.#cancelDial();
    this.#cancelPing();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) {
      one.cancelTimer();
      one.settle({ ok: false, fault: fault ?? { code: 'OFFLINE', message: 'disconnected' } });
    }
  }

  #setState(state: LinkState, fault: Fault | null): void {
    this.#fault = fault;
    if (this.#state === state && state !== 'lost') return;
    this.#state = state;
    this.#options.onState?.(state, fault);
  }

  // ------------------------------------------------------------ messages

  #receive(data: string | ArrayBuffer): void {
    if (typeof data !== 'string') {
      const frame = decodeFrame(new Uint8Array(data));
      if (!frame.ok) return;
      const { kind, pid, seq, bytes } = frame.value;
      if (kind === 'stdout' || kind === 'stderr') this.#followers.get(pid)?.output(kind, seq, bytes);
      else this.#options.serve?.frame(frame.value);
      return;
    }
    if (this.#options.serve !== undefined && isRequest(data)) {
      this.#options.serve.text(data);
      return;
    }
    this.#take(decodeServer(data));
  }

  #take(decoded: Decoded<ServerMessage>): void {
    if (!decoded.ok) {
      // An answer that a newer bridge words otherwise must not leave its asker waiting.
      if (decoded.id !== undefined) this.#settle(decoded.id, decoded);
      return;
    }
    const message = decoded.value;
    switch (message.type) {
      case 'connected':
        void this.#hello(message);
        return;
      case 'error':
        if (message.id !== undefined) this.#settle(message.id, { ok: false, fault: message.error });
        else if (message.pid !== undefined) this.#followers.get(message.pid)?.failed(message.error);
        else this.#fault = message.error;
        return;
      case 'stdout':
      case 'stderr':
        this.#followers.get(message.pid)?.output(message.type, message.seq, new TextEncoder().encode(message.data));
        return;
      case 'exit':
        this.#followers.get(message.pid)?.exit(message.exitCode, message.signal);
        return;
      case 'moving':
        this.#part(message.id, message);
        return;
      case 'changes':
        if (message.id === undefined) this.#options.onChanges?.(message);
        else if (message.more) this.#part(message.id, message);
        else this.#settle(message.id, ok(message));
        return;
      default:
        if (message.id !== undefined) this.#settle(message.id, ok(message));
    }
  }

  async #hello(connected: Server<'connected'>): Promise<void> {
    const socket = this.#socket;
    const version = VERSIONS.findLast((v) => connected.versions.includes(v));
    if (version === undefined) {
      const newer = Math.min(...connected.versions) > Math.max(...VERSIONS);
      const message = newer
        ? `this page is older than the bridge (${connected.software}). Nothing was sent. Reload the page.`
        : `the bridge (${connected.software}) is older than this page. Nothing was sent. Update the bridge.`;
      this.#fault = { code: 'VERSION', message };
      this.#lost(message, true);
      return;
    }
    const body: Omit<ClientInput<'hello'>, 'type' | 'id'> = {
      version,
      features: [...FEATURES],
      kind: this.#options.kind,
      host: this.#url === null ? '' : hostOf(this.#url),
    };
    const { signer } = this.#options;
    const code = this.#code;
    if (signer !== null) {
      const device = await signer.device(connected.bridge);
      if (device !== null && code === null) body.device = device;
      else {
        if (code !== null) body.code = code;
        body.publicKey = await signer.publicKey(connected.bridge);
        body.name = this.#options.name;
      }
      body.signature = await signer.sign(connected.bridge, helloText(connected.challenge, connected.bridge, body.host, signer.origin));
    } else body.name = this.#options.name;
    if (this.#socket !== socket) return;
    const answer = await this.#ask('hello', body);
    if (this.#socket !== socket) return;
    if (!answer.ok) {
      this.#fault = answer.fault;
      this.#lost(answer.fault.message, answer.fault.code !== 'TIMEOUT' && answer.fault.code !== 'TOO_MANY' && answer.fault.code !== 'OFFLINE');
      return;
    }
    if (signer !== null) await signer.paired(connected.bridge, answer.value.device.id);
    if (this.#socket !== socket) return;
    this.#welcome = answer.value;
    this.#code = null;
    this.#attempts = 0;
    this.#setState('connected', null);
    this.#firstAnswer?.(ok(answer.value));
    this.#firstAnswer = null;
    for (const follower of this.#followers.values()) void follower.begin();
    this.#ping();
  }

  #ping(): void {
    this.#cancelPing();
    const { clock } = this.#options;
    const sentAt = clock.now();
    void this.#ask('ping', {}).then((pong) => {
      if (pong.ok) this.#roundTrip = clock.now() - sentAt;
      else if (pong.fault.code === 'TIMEOUT') this.#lost('no answer within 30 s');
    });
    this.#cancelPing = clock.after(TIMES.ping, () => this.#ping());
  }

  #ask<T extends RequestType>(
    type: T,
    body: Omit<ClientInput<T>, 'type' | 'id'>,
    onPart?: (message: ServerMessage) => void,
    signal?: AbortSignal,
  ): Promise<Result<AnswerTo<T>>> {
    const id = `r${this.#nextId++}`;
    return new Promise((resolve) => {
      const onAbort = (): void => this.#settle(id, fail('ABORTED', 'stopped'));
      const waiting: Waiting = {
        type,
        onPart,
        cancelTimer: this.#timer(id, type),
        settle: (result) => {
          signal?.removeEventListener('abort', onAbort);
          if (result.ok && result.value.type !== ANSWER[type]) resolve(fail('BAD_MESSAGE', `the bridge answered ${type} with ${result.value.type}`));
          else resolve(result as Result<AnswerTo<T>>);
        },
      };
      if (signal?.aborted === true) {
        waiting.cancelTimer();
        resolve(fail('ABORTED', 'stopped'));
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, waiting);
      this.#send(JSON.stringify({ type, id, ...body }));
    });
  }

  #timer(id: string, type: RequestType): () => void {
    return this.#options.clock.after(TIMES.silence, () =>
      this.#settle(id, fail('TIMEOUT', `no answer to ${type} and no progress for ${TIMES.silence / 1000} s`)),
    );
  }

  #part(id: string, message: ServerMessage): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    waiting.cancelTimer();
    waiting.cancelTimer = this.#timer(id, waiting.type);
    waiting.onPart?.(message);
  }

  #settle(id: string, result: Result<ServerMessage>): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    waiting.cancelTimer();
    waiting.settle(result);
  }

  #send(text: string): void {
    this.#socket?.send(text);
  }

  #offline(): { ok: false; fault: Fault } {
    if (this.#state === 'off') return fail('OFFLINE', 'not connected. Your files are here and safe. Connect with: runtime connect ws://HOST:18790');
    return fail('OFFLINE', 'the link is lost and is being made again. Your files are here and safe.');
  }
}

/** The bridge asks the box over the same socket on which the box asks the bridge; an answer bears a `status`. */
function isRequest(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return false;
    const { type, status } = value as { type?: unknown; status?: unknown };
    return status === undefined && typeof type === 'string' && !['connected', 'pong', 'moving', 'stdout', 'stderr', 'exit'].includes(type);
  } catch {
    return false;
  }
}

/** Host and port of a ws: URL as the peer must see them, the default port left out. */
export function hostOf(url: string): string {
  if (!URL.canParse(url)) throw new MhnosError('INTERNAL', 'the link was given something that is no URL');
  return new URL(url).host;
}
