/** A scripted WebSocket: what the client says is kept, and the test says what the gateway answers. */

import type { Socket } from '../src/multiplex/index.ts';
import { settle } from './world.ts';

export class FakeSocket implements Socket {
  static made: FakeSocket[] = [];
  static get last(): FakeSocket {
    const socket = FakeSocket.made.at(-1);
    if (socket === undefined) throw new Error('no socket was made');
    return socket;
  }

  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  /** Set once the client has closed it. */
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(code?: number): void {
    this.closedWith ??= code ?? 1005;
  }

  async open(): Promise<void> {
    this.onopen?.({} as never);
    await settle();
  }

  /** The gateway says something: values as JSON, texts as they are. */
  async say(...messages: (string | object)[]): Promise<void> {
    for (const message of messages) {
      this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) } as never);
    }
    await settle();
  }

  async lose(code = 1006, reason = ''): Promise<void> {
    this.onerror?.({} as never);
    this.onclose?.({ code, reason } as never);
    await settle();
  }
}
