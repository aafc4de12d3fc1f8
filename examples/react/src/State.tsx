import { useEffect, useState } from 'react';
import { useLive } from 'tidegate/react';
import { QUOTES } from './Board.tsx';

/** How the data is, in words. It asks for the same as the board, and so shares its connection. */
export function State() {
  const { status, since, retryAt, cause, data } = useLive(QUOTES);
  const now = useClock();
  const ago = `${Math.max(0, Math.round((now - since) / 1000))} s ago`;
  const next = retryAt === undefined ? '' : `, next try in ${Math.max(0, Math.ceil((retryAt - now) / 1000))} s`;
  const text = {
    connecting: 'Connecting',
    live: 'Live',
    stale: `The API is away: last confirmed ${ago}${next}`,
    gone: 'The API no longer has it',
    disconnected: `No connection${data ? `: data from ${ago}` : ''}${next}`,
    closed: `Ended${cause?.title ? `: ${cause.title}` : ''}`,
  }[status];
  return (
    <p className="state" role="status" data-status={status}>
      {text}
    </p>
  );
}

/** The time, each second. */
function useClock(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
