/** The chart of one symbol, a point for each trade. It grows while the symbol stays selected. */

import {
  AreaSeries,
  type AreaData,
  ColorType,
  createChart,
  CrosshairMode,
  type IChartApi,
  type ISeriesApi,
  LineType,
  type UTCTimestamp,
} from 'lightweight-charts';
import * as format from '../format.ts';
import type { Trade } from '../model/market.ts';
import { token } from './dom.ts';

/** More points than a screen can show apart; beyond it the oldest half goes. */
const MOST_POINTS = 4000;

/** Two trades in the same millisecond get times that differ by this: the chart wants each time once. */
const STEP_S = 0.001;

/** The price chart. */
export class PriceChart {
  private readonly chart: IChartApi;
  private readonly series: ISeriesApi<'Area'>;
  private points: AreaData<UTCTimestamp>[] = [];
  private newestId: number | undefined;

  constructor(element: HTMLElement) {
    this.chart = createChart(element, {
      autoSize: true,
      // The licence asks for a visible link to TradingView; the logo is one, and the footer has another.
      layout: { attributionLogo: true, background: { type: ColorType.Solid, color: 'transparent' }, fontSize: 11 },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.1, bottom: 0.16 } },
      timeScale: {
        borderVisible: false,
        timeVisible: true,
        secondsVisible: true,
        rightOffset: 3,
        tickMarkFormatter: (time: UTCTimestamp) => format.clockTime(time * 1000),
      },
      localization: { timeFormatter: (time: UTCTimestamp) => format.clockTime(time * 1000), priceFormatter: format.price },
      crosshair: { mode: CrosshairMode.Magnet },
      // A wheel over the chart scrolls the page, as everywhere else on it; dragging and pinching move the chart.
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    });
    this.series = this.chart.addSeries(AreaSeries, { lineWidth: 2, lineType: LineType.WithSteps, priceLineVisible: true, priceLineWidth: 1 });
    this.theme();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.theme());
  }

  /** Forgets everything: another symbol comes. */
  clear(): void {
    this.points = [];
    this.newestId = undefined;
    this.series.setData([]);
  }

  /** Shows the trades, newest first; appends those that are new. */
  show(trades: readonly Trade[]): void {
    const known = trades.findIndex((trade) => trade.id === this.newestId);
    const fresh = trades.slice(0, known < 0 ? trades.length : known).reverse();
    if (known < 0) this.points = [];
    this.newestId = trades[0]?.id ?? this.newestId;
    const added = fresh.map((trade) => this.append(trade));
    if (this.points.length > MOST_POINTS) {
      this.points = this.points.slice(-MOST_POINTS / 2);
      this.series.setData(this.points);
    } else if (known < 0) {
      this.series.setData(this.points);
      this.chart.timeScale().scrollToRealTime();
    } else {
      for (const point of added) this.series.update(point);
    }
  }

  private append(trade: Trade): AreaData<UTCTimestamp> {
    const last = this.points.at(-1)?.time ?? Number.NEGATIVE_INFINITY;
    const time = Math.max(Date.parse(trade.time) / 1000, last + STEP_S) as UTCTimestamp;
    const point = { time, value: trade.price };
    this.points.push(point);
    return point;
  }

  private theme(): void {
    const grid = { color: token('--hairline') };
    const crosshair = { color: token('--muted'), labelBackgroundColor: token('--label') };
    this.chart.applyOptions({
      layout: { textColor: token('--muted'), fontFamily: token('--font') },
      grid: { vertLines: { visible: false }, horzLines: grid },
      crosshair: { vertLine: crosshair, horzLine: crosshair },
    });
    this.series.applyOptions({
      lineColor: token('--accent'),
      topColor: token('--accent-area'),
      bottomColor: 'transparent',
      priceLineColor: token('--muted'),
    });
  }
}
