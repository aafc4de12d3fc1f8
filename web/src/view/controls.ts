/** The buttons that break things, and what the demo program says about it. */

import type { MarketState } from '../model/market.ts';
import { byTestId, textIn } from './dom.ts';

/** The fault buttons. */
export class Controls {
  private readonly market = [...document.querySelectorAll<HTMLButtonElement>('button[data-market]')];
  private readonly restart = byTestId<HTMLButtonElement>('btn-restart');
  private readonly note = textIn(byTestId('control-note'));

  /** `changed` is called after a command was accepted. */
  constructor(private readonly changed: () => void) {
    for (const button of this.market) {
      button.addEventListener('click', () => void this.command(`market/${button.dataset.market}`));
    }
    this.restart.addEventListener('click', () => void this.command('gateway/restart'));
  }

  /** Shows what is so at the servers. */
  show(market: MarketState, gateway: 'up' | 'restarting'): void {
    for (const button of this.market) button.setAttribute('aria-pressed', String(button.dataset.market === market));
    this.restart.setAttribute('aria-busy', String(gateway === 'restarting'));
  }

  private async command(path: string): Promise<void> {
    try {
      const response = await fetch(`control/${path}`, { method: 'POST', signal: AbortSignal.timeout(5000) });
      this.note.set(response.ok ? '' : `The demo program refused that (${response.status}).`);
    } catch {
      this.note.set('The demo program cannot be reached.');
    }
    this.changed();
  }
}
