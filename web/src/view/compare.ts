/** The comparison: a row for each way with its age, its errors, what it cost, and what it would cost with many viewers. */

import * as format from '../format.ts';
import { WAYS, type Way } from '../model/market.ts';
import { type Cost, VIEWERS } from '../model/projection.ts';
import type { Counters } from '../model/stats.ts';
import { byTestId, make, Text, textIn } from './dom.ts';

const POLL_INTERVALS = [500, 1000, 2000, 5000];
const DEFAULT_INTERVAL = 1000;
const DEFAULT_VIEWERS = 1000;

/** A number with a small line under it. */
class Figure {
  readonly element: HTMLTableCellElement;
  private readonly value: Text;
  private readonly sub: Text;
  private readonly bar = make('i');

  constructor(testid: string, className = '', withBar = false) {
    const value = make('span', { class: 'value', 'data-testid': testid });
    const sub = make('span', { class: 'sub' });
    this.value = textIn(value);
    this.sub = textIn(sub);
    this.element = make('td', { role: 'cell', class: className }, value, sub);
    if (withBar) this.element.append(make('span', { class: 'bar', 'aria-hidden': 'true' }, this.bar));
    this.value.set('–');
  }

  set(value: string, sub = ''): void {
    this.value.set(value);
    this.sub.set(sub);
  }

  fill(share: number): void {
    const width = `${(share * 100).toFixed(1)}%`;
    if (this.bar.style.width !== width) this.bar.style.width = width;
  }
}

class WayRow {
  readonly element: HTMLTableRowElement;
  readonly note = new Text();
  private readonly ageValue = new Text();
  private readonly ageUnit = new Text();
  private readonly wrong: Figure;
  private readonly requests: Figure;
  private readonly bytes: Figure;
  private readonly apiRequests: Figure;
  private readonly apiBytes: Figure;
  private readonly gatewayBytes: Figure;

  constructor(
    private readonly way: Way,
    name: string,
    how: Node,
  ) {
    this.wrong = new Figure(`wrong-${way}`);
    this.requests = new Figure(`counter-${way}-requests`);
    this.bytes = new Figure(`counter-${way}-bytes`);
    this.apiRequests = new Figure(`projection-${way}-requests`, 'project first', true);
    this.apiBytes = new Figure(`projection-${way}-bytes`, 'project', true);
    this.gatewayBytes = new Figure(`projection-${way}-gateway-bytes`, 'project');
    const note = make('span', { class: 'way-note', 'data-testid': `note-${way}` }, this.note.node);
    const age = make('span', { class: 'value age', 'data-testid': `age-${way}` }, this.ageValue.node, make('small', {}, this.ageUnit.node));
    this.element = make(
      'tr',
      { role: 'row', class: `way way-${way}` },
      make('th', { role: 'rowheader', scope: 'row' }, make('span', { class: 'way-name' }, name), make('span', { class: 'way-how' }, how), note),
      make('td', { role: 'cell' }, age),
      this.wrong.element,
      this.requests.element,
      this.bytes.element,
      this.apiRequests.element,
      this.apiBytes.element,
      this.gatewayBytes.element,
    );
    this.ageValue.set('–');
  }

  age(ms: number | undefined): void {
    const { value, unit } = ms === undefined ? { value: '–', unit: '' } : format.age(ms);
    this.ageValue.set(value);
    this.ageUnit.set(unit === '' ? '' : `\u00a0${unit}`);
  }

  wrongPrices(wrong: number | undefined): void {
    this.wrong.set(wrong === undefined ? '–' : format.count(wrong));
    this.element.classList.toggle('has-wrong', (wrong ?? 0) > 0);
  }

  counted(total: Counters): void {
    this.requests.set(format.count(total.market_requests), `${format.count(total.market_not_modified)} not modified`);
    this.bytes.set(format.bytes(total.market_bytes), this.way === 'live' ? `${format.bytes(total.gateway_bytes)} from Tidegate` : '');
  }

  projected(cost: Cost | undefined, most: Cost): void {
    this.apiRequests.set(cost === undefined ? '–' : format.count(cost.apiRequests));
    this.apiBytes.set(cost === undefined ? '–' : format.bytes(cost.apiBytes));
    if (this.way === 'live') this.gatewayBytes.set(cost === undefined ? '–' : format.bytes(cost.gatewayBytes));
    this.apiRequests.fill(share(cost?.apiRequests, most.apiRequests));
    this.apiBytes.fill(share(cost?.apiBytes, most.apiBytes));
  }
}

/** What the reader can do in the comparison. */
export interface CompareActions {
  refresh(): void;
  pollEvery(ms: number): void;
  viewers(count: number): void;
}

/** The comparison table. */
export class Compare {
  /** What is chosen at the start. */
  static readonly defaults = { interval: DEFAULT_INTERVAL, viewers: DEFAULT_VIEWERS };
  private readonly rows: Record<Way, WayRow>;
  private readonly refreshButton = make('button', { type: 'button', class: 'button small', 'data-testid': 'btn-refresh', 'aria-label': 'Refresh now' }, make('span', { class: 'wide' }, 'Refresh '), 'now');

  constructor(actions: CompareActions) {
    this.refreshButton.addEventListener('click', () => actions.refresh());
    this.rows = {
      live: new WayRow('live', 'Live', make('span', { class: 'wide' }, 'one stream through Tidegate')),
      polling: new WayRow('polling', 'Polling', intervalChoice(actions)),
      refresh: new WayRow('refresh', 'Refresh', this.refreshButton),
    };
    byTestId('compare').append(...WAYS.map((way) => this.rows[way].element));
    viewerChoice(actions);
  }

  /** Shows how old a way's data is; undefined while it has none. */
  age(way: Way, ms: number | undefined): void {
    this.rows[way].age(ms);
  }

  /** Shows how many prices are wrong; undefined while the way has none. */
  wrong(way: Way, count: number | undefined): void {
    this.rows[way].wrongPrices(count);
  }

  /** Shows the counters. */
  counted(way: Way, total: Counters): void {
    this.rows[way].counted(total);
  }

  /** Shows the projections, with bars that compare them. */
  projected(costs: Readonly<Record<Way, Cost | undefined>>): void {
    const most = (pick: (cost: Cost) => number) => Math.max(...WAYS.map((way) => (costs[way] === undefined ? 0 : pick(costs[way]))));
    const scale: Cost = { apiRequests: most((cost) => cost.apiRequests), apiBytes: most((cost) => cost.apiBytes), gatewayBytes: 0 };
    for (const way of WAYS) this.rows[way].projected(costs[way], scale);
  }

  /** Says what is wrong with a way; empty when nothing is. */
  note(way: Way, text: string): void {
    this.rows[way].note.set(text);
  }

  /** Shows that a refresh is under way. */
  refreshing(busy: boolean): void {
    this.refreshButton.setAttribute('aria-busy', String(busy));
  }
}

function intervalChoice(actions: CompareActions): Node {
  const select = make('select', { 'data-testid': 'poll-interval', 'aria-label': 'Polling interval' });
  for (const ms of POLL_INTERVALS) {
    const option = make('option', { value: String(ms) }, `${ms / 1000} s`);
    option.selected = ms === DEFAULT_INTERVAL;
    select.append(option);
  }
  select.addEventListener('change', () => actions.pollEvery(Number(select.value)));
  return make('label', {}, make('span', { class: 'wide' }, 'every '), select);
}

function viewerChoice(actions: CompareActions): void {
  const buttons = VIEWERS.map((viewers) => {
    const button = make('button', { type: 'button', 'data-testid': `viewers-${viewers}` }, format.count(viewers));
    button.addEventListener('click', () => {
      press(button);
      actions.viewers(viewers);
    });
    return button;
  });
  const press = (pressed: HTMLButtonElement | undefined) => {
    for (const button of buttons) button.setAttribute('aria-pressed', String(button === pressed));
  };
  press(buttons[VIEWERS.indexOf(DEFAULT_VIEWERS)]);
  byTestId('viewers').append(...buttons);
}

function share(value: number | undefined, most: number): number {
  return value === undefined || most === 0 ? 0 : value / most;
}
