import { memo, useEffect, useRef, useState } from 'react';
import { useLive } from 'tidegate/react';
import { State } from './State.tsx';

/** The URL that would otherwise be polled. */
export const QUOTES = import.meta.env.VITE_QUOTES ?? 'http://127.0.0.1:8080/quotes';

export interface Quote {
  symbol: string;
  name: string;
  price: number;
  change: number;
  change_percent: number;
  volume: number;
}

export function Board() {
  const [filter, setFilter] = useState('');
  const { data, status } = useLive<Quote[]>(QUOTES);
  const wanted = filter.trim().toLowerCase();
  const rows = (data ?? []).filter(({ symbol, name }) => `${symbol} ${name}`.toLowerCase().includes(wanted));
  return (
    <main>
      <header>
        <h1>Quotes</h1>
        <State />
        <input type="search" placeholder="Filter" aria-label="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} />
      </header>
      <table data-fresh={status === 'live'}>
        <thead>
          <tr>
            <th>Symbol</th>
            <th className="name">Name</th>
            <th>Price</th>
            <th>Today</th>
            <th className="volume">Volume</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((quote) => (
            <Row key={quote.symbol} quote={quote} />
          ))}
        </tbody>
      </table>
      {data && rows.length === 0 && <p className="empty">No quote is called so.</p>}
    </main>
  );
}

/** `memo` is enough: a quote that did not change is the same object as before. */
const Row = memo(function Row({ quote }: { quote: Quote }) {
  const tone = quote.change < 0 ? 'down' : 'up';
  return (
    <tr>
      <td>{quote.symbol}</td>
      <td className="name">{quote.name}</td>
      <Price value={quote.price} />
      <td className={tone}>{(quote.change < 0 ? '' : '+') + quote.change_percent.toFixed(2)} %</td>
      <td className="volume">{quote.volume.toLocaleString('en')}</td>
    </tr>
  );
});

/** A price that lights up when it moves. */
function Price({ value }: { value: number }) {
  const cell = useRef<HTMLTableCellElement>(null);
  const before = useRef(value);
  useEffect(() => {
    if (before.current === value) return;
    const tone = value < before.current ? 'var(--down)' : 'var(--up)';
    before.current = value;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    cell.current?.animate([{ background: `color-mix(in srgb, ${tone} 30%, transparent)` }, {}], 900);
  }, [value]);
  return <td ref={cell}>{value.toFixed(2)}</td>;
}
