/**
 * The quote board: one row for each symbol, with what each of the three ways shows for it.
 *
 * Structural sharing tells what changed: a row is touched only when its quote is another object, a cell only when its
 * text differs. The order (most traded first) is taken when the symbols or the filter change, so that rows stay put.
 */

import * as format from '../format.ts';
import type { Quote, Way } from '../model/market.ts';
import type { Wrong } from '../model/compare.ts';
import { byTestId, flash, make, Text } from './dom.ts';

class Row {
  readonly element = document.createElement('tr');
  readonly button: HTMLButtonElement;
  private readonly price = new Text();
  private readonly under = new Text();
  private readonly change = new Text();
  private readonly percent = new Text();
  private readonly bid = new Text();
  private readonly ask = new Text();
  private readonly others = { polling: new Text(), refresh: new Text() };
  private readonly cells: Record<Way, HTMLElement>;
  private readonly flashing: HTMLElement;
  quote: Quote;
  /** Whether the row is in sight: nobody sees the others flash. */
  inSight = false;

  constructor(quote: Quote) {
    const { symbol, name } = quote;
    this.quote = quote;
    this.button = make('button', { type: 'button', tabindex: '-1', 'data-symbol': symbol }, symbol);
    this.flashing = make('span', { class: 'tick', 'data-testid': `price-${symbol}` }, this.price.node);
    this.cells = {
      live: make('td', { class: 'c-price' }, this.flashing, make('span', { class: 'under', 'aria-hidden': 'true' }, this.under.node)),
      polling: make('td', { class: 'c-polling', 'data-testid': `polling-${symbol}` }, this.others.polling.node),
      refresh: make('td', { class: 'c-refresh', 'data-testid': `refresh-${symbol}` }, this.others.refresh.node),
    };
    this.element.dataset.testid = `row-${symbol}`;
    this.element.dataset.symbol = symbol;
    this.element.append(
      make('th', { scope: 'row', class: 'c-symbol' }, this.button, make('span', { class: 'name', title: name }, name)),
      this.cells.live,
      make('td', { class: 'c-change wide' }, this.change.node),
      make('td', { class: 'c-percent wide' }, this.percent.node),
      make('td', { class: 'c-bid wider' }, this.bid.node),
      make('td', { class: 'c-ask wider' }, this.ask.node),
      this.cells.polling,
      this.cells.refresh,
    );
    this.show(quote);
  }

  update(quote: Quote): void {
    if (quote === this.quote) return;
    const before = this.quote.price;
    this.quote = quote;
    this.show(quote);
    if (quote.price !== before) {
      const up = quote.price > before;
      this.flashing.dataset.last = up ? 'up' : 'down';
      if (this.inSight) flash(this.flashing, up ? 'var(--up-flash)' : 'var(--down-flash)');
    }
  }

  other(way: 'polling' | 'refresh', price: number | undefined): void {
    this.others[way].set(price === undefined ? '–' : format.price(price));
  }

  wrong(way: Way, wrong: boolean): void {
    const { classList } = this.cells[way];
    if (classList.contains('wrong') !== wrong) classList.toggle('wrong', wrong);
  }

  select(selected: boolean): void {
    this.element.classList.toggle('selected', selected);
    if (selected) this.button.setAttribute('aria-current', 'true');
    else this.button.removeAttribute('aria-current');
  }

  private show(quote: Quote): void {
    this.price.set(format.price(quote.price));
    this.under.set(format.percent(quote.change_percent));
    this.change.set(format.signed(quote.change));
    this.percent.set(format.percent(quote.change_percent));
    this.bid.set(format.price(quote.bid));
    this.ask.set(format.price(quote.ask));
    this.element.dataset.trend = quote.change > 0 ? 'up' : quote.change < 0 ? 'down' : 'flat';
  }
}

/** The board. */
export class Board {
  private readonly body = byTestId('board-rows');
  private readonly counter = byTestId('board-count');
  private readonly nothing = byTestId('board-empty');
  private readonly filter = byTestId<HTMLInputElement>('filter');
  private readonly rows = new Map<string, Row>();
  private shown: Row[] = [];
  private selected: string | undefined;
  private readonly sight = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const row = this.rows.get((target as HTMLElement).dataset.symbol ?? '');
        if (row !== undefined) row.inSight = isIntersecting;
      }
    },
    { root: byTestId('board') },
  );

  /** `onSelect` is called with the symbol that the reader, or the first snapshot, selects. */
  constructor(private readonly onSelect: (symbol: string, byHand: boolean) => void) {
    this.filter.addEventListener('input', () => this.arrange());
    this.body.addEventListener('click', (event) => {
      const symbol = (event.target as Element).closest('tr')?.dataset.symbol;
      if (symbol !== undefined) this.select(symbol, true);
    });
    this.body.addEventListener('keydown', (event) => this.key(event));
  }

  /** Shows the live quotes. */
  live(quotes: readonly Quote[]): void {
    let moved = quotes.length !== this.rows.size;
    for (const quote of quotes) {
      const row = this.rows.get(quote.symbol);
      if (row !== undefined) row.update(quote);
      else {
        const added = new Row(quote);
        this.rows.set(quote.symbol, added);
        this.sight.observe(added.element);
        moved = true;
      }
    }
    if (!moved) return;
    const present = new Set(quotes.map((quote) => quote.symbol));
    for (const [symbol, row] of this.rows) {
      if (present.has(symbol)) continue;
      this.sight.unobserve(row.element);
      this.rows.delete(symbol);
    }
    this.arrange();
    const first = this.shown[0];
    if (this.selected === undefined && first !== undefined) this.select(first.quote.symbol, false);
  }

  /** Shows what one of the other ways holds. */
  other(way: 'polling' | 'refresh', quotes: readonly Quote[]): void {
    for (const quote of quotes) this.rows.get(quote.symbol)?.other(way, quote.price);
  }

  /** Marks the prices that are wrong now. */
  mark(wrong: Wrong): void {
    for (const [symbol, row] of this.rows) {
      row.wrong('live', wrong.live.has(symbol));
      row.wrong('polling', wrong.polling.has(symbol));
      row.wrong('refresh', wrong.refresh.has(symbol));
    }
  }

  /** The live quote of a symbol. */
  quote(symbol: string): Quote | undefined {
    return this.rows.get(symbol)?.quote;
  }

  private select(symbol: string, byHand: boolean): void {
    if (this.selected !== undefined) this.rows.get(this.selected)?.select(false);
    this.selected = symbol;
    this.rows.get(symbol)?.select(true);
    this.rove();
    this.onSelect(symbol, byHand);
  }

  private arrange(): void {
    const wanted = this.filter.value.trim().toLowerCase();
    this.shown = [...this.rows.values()]
      .filter(({ quote }) => quote.symbol.toLowerCase().includes(wanted) || quote.name.toLowerCase().includes(wanted))
      .sort((a, b) => b.quote.volume - a.quote.volume);
    this.body.replaceChildren(...this.shown.map((row) => row.element));
    this.nothing.hidden = this.shown.length > 0;
    const all = format.count(this.rows.size);
    this.counter.textContent = wanted === '' ? `${all} symbols` : `${format.count(this.shown.length)} of ${all}`;
    this.rove();
  }

  /** One row is in the tab order: the selected one where it is shown, else the first. The arrow keys do the rest. */
  private rove(): void {
    for (const row of this.rows.values()) row.button.tabIndex = -1;
    const stop = this.shown.find((row) => row.quote.symbol === this.selected) ?? this.shown[0];
    if (stop !== undefined) stop.button.tabIndex = 0;
  }

  private key(event: KeyboardEvent): void {
    const symbol = (event.target as Element).closest('tr')?.dataset.symbol;
    const at = this.shown.findIndex((row) => row.quote.symbol === symbol);
    const last = this.shown.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const row = this.shown[Math.min(last, Math.max(0, to))];
    if (row === undefined) return;
    this.select(row.quote.symbol, false);
    row.button.focus();
  }
}
