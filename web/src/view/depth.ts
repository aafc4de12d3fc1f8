/** The order book and the latest trades of one symbol: fixed rows whose texts change. */

import * as format from '../format.ts';
import type { Level, OrderBook, Trade } from '../model/market.ts';
import { byTestId, make, Text } from './dom.ts';

const LEVELS = 10;
const LATEST = 10;

class LevelRow {
  readonly element: HTMLTableRowElement;
  private readonly texts = { bidSize: new Text(), bid: new Text(), ask: new Text(), askSize: new Text() };
  private most = 0;

  constructor() {
    const { bidSize, bid, ask, askSize } = this.texts;
    this.element = make(
      'tr',
      {},
      make('td', { class: 'size bid-size' }, bidSize.node),
      make('td', { class: 'bid' }, bid.node),
      make('td', { class: 'ask' }, ask.node),
      make('td', { class: 'size ask-size' }, askSize.node),
    );
  }

  show(bid: Level | undefined, ask: Level | undefined, most: number): void {
    const { texts, element } = this;
    texts.bid.set(bid === undefined ? '' : format.price(bid.price));
    texts.ask.set(ask === undefined ? '' : format.price(ask.price));
    // The bars have a width in the style sheet's terms, so that a size that stays does not touch the style.
    if (texts.bidSize.set(bid === undefined ? '' : format.count(bid.size)) || most !== this.most) {
      element.style.setProperty('--bid-share', share(bid, most));
    }
    if (texts.askSize.set(ask === undefined ? '' : format.count(ask.size)) || most !== this.most) {
      element.style.setProperty('--ask-share', share(ask, most));
    }
    this.most = most;
  }
}

/** The order book, ten levels of each side. */
export class BookView {
  private readonly rows = Array.from({ length: LEVELS }, () => new LevelRow());

  constructor() {
    byTestId('book').querySelector('tbody')?.replaceChildren(...this.rows.map((row) => row.element));
  }

  /** Shows a book; undefined empties it. */
  show(book: OrderBook | undefined): void {
    const { bids, asks } = book ?? { bids: [], asks: [] };
    const most = Math.max(1, ...bids.map((level) => level.size), ...asks.map((level) => level.size));
    this.rows.forEach((row, at) => row.show(bids[at], asks[at], most));
  }
}

class TradeRow {
  readonly element: HTMLTableRowElement;
  private readonly texts = { time: new Text(), price: new Text(), side: new Text(), size: new Text() };

  constructor() {
    const { time, price, side, size } = this.texts;
    // The side is a colour to the eye, so it is also a word to the ear.
    const spoken = make('span', { class: 'visually-hidden' }, side.node);
    this.element = make('tr', {}, make('td', {}, time.node), make('td', { class: 'price' }, price.node, spoken), make('td', { class: 'size' }, size.node));
  }

  show(trade: Trade | undefined): void {
    const { time, price, side, size } = this.texts;
    time.set(trade === undefined ? '' : format.clockTime(Date.parse(trade.time)));
    price.set(trade === undefined ? '' : format.price(trade.price));
    side.set(trade === undefined ? '' : ` ${trade.side}`);
    size.set(trade === undefined ? '' : format.count(trade.size));
    this.element.dataset.side = trade?.side ?? '';
  }
}

/** The latest trades, newest first. */
export class TradesView {
  private readonly rows = Array.from({ length: LATEST }, () => new TradeRow());

  constructor() {
    byTestId('trades').querySelector('tbody')?.replaceChildren(...this.rows.map((row) => row.element));
  }

  /** Shows trades. */
  show(trades: readonly Trade[]): void {
    this.rows.forEach((row, at) => row.show(trades[at]));
  }
}

function share(level: Level | undefined, most: number): string {
  return level === undefined ? '0' : (level.size / most).toFixed(3);
}
