/** The server's clock as seen from here, so that ages are right on a device whose clock is not. */

interface Sample {
  readonly offset: number;
  readonly roundTrip: number;
}

/** How many samples compete; one a second, so a drifting clock is followed within half a minute. */
const KEPT = 30;

/** An estimate of the server's clock from request times, taking the sample with the shortest round trip. */
export class ServerClock {
  private samples: Sample[] = [];

  constructor(private readonly localNow: () => number = Date.now) {}

  /** Records that the server said `serverNow` in an answer to a request sent and received at these local times. */
  record(serverNow: number, sent: number, received: number): void {
    if (Number.isNaN(serverNow)) return;
    this.samples.push({ offset: serverNow - (sent + received) / 2, roundTrip: received - sent });
    if (this.samples.length > KEPT) this.samples.shift();
  }

  /** The server's time now; the local time while nothing is known. */
  now(): number {
    const best = this.samples.reduce<Sample | undefined>(
      (best, sample) => (best === undefined || sample.roundTrip <= best.roundTrip ? sample : best),
      undefined,
    );
    return this.localNow() + (best?.offset ?? 0);
  }
}
