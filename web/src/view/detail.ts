/**
 * The selected symbol: its price, chart, order book and trades, each by its own live resource.
 *
 * A tab that nobody sees lets go of the two that are this panel's alone: what nobody looks at is not sent.
 */

import type { Multiplexer } from 'tidegate/multiplex';
import * as format from '../format.ts';
import type { OrderBook, Quote, Trades } from '../model/market.ts';
import { PriceChart } from './chart.ts';
import { BookView, TradesView } from './depth.ts';
import { byTestId, textIn } from './dom.ts';

/** The panel of the selected symbol. */
export class Detail {
  private readonly panel = byTestId('detail');
  private readonly symbol = textIn(byTestId('detail-symbol'));
  private readonly name = textIn(byTestId('detail-name'));
  private readonly price = textIn(byTestId('detail-price'));
  private readonly changeElement = byTestId('detail-change');
  private readonly change = textIn(this.changeElement);
  private readonly chart = new PriceChart(byTestId('chart'));
  private readonly book = new BookView();
  private readonly trades = new TradesView();
  private feeds: { close(): void }[] = [];
  private selected: string | undefined;

  constructor(private readonly gateway: Multiplexer) {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.leave();
      else this.enter();
    });
  }

  /** Shows another symbol. */
  select(symbol: string): void {
    if (symbol === this.selected) return;
    this.leave();
    this.selected = symbol;
    this.chart.clear();
    this.book.show(undefined);
    this.trades.show([]);
    this.enter();
  }

  /** Shows the symbol's line of the board. */
  quote(quote: Quote): void {
    this.symbol.set(quote.symbol);
    this.name.set(quote.name);
    this.price.set(format.price(quote.price));
    this.change.set(`${format.signed(quote.change)} (${format.percent(quote.change_percent)})`);
    this.changeElement.dataset.trend = quote.change > 0 ? 'up' : quote.change < 0 ? 'down' : 'flat';
  }

  /** Brings the panel into view where it is below the board. */
  reveal(): void {
    if (this.panel.getBoundingClientRect().top > innerHeight * 0.8) this.panel.scrollIntoView({ block: 'nearest' });
  }

  private enter(): void {
    if (this.selected === undefined || this.feeds.length > 0 || document.hidden) return;
    const symbol = encodeURIComponent(this.selected);
    const trades = this.gateway.live<Trades>(`/quotes/${symbol}/trades`);
    trades.on('update', ({ data }) => {
      this.chart.show(data.trades);
      this.trades.show(data.trades);
    });
    const book = this.gateway.live<OrderBook>(`/orderbook/${symbol}`);
    book.on('update', ({ data }) => this.book.show(data));
    this.feeds = [trades, book];
  }

  private leave(): void {
    for (const feed of this.feeds) feed.close();
    this.feeds = [];
  }
}
