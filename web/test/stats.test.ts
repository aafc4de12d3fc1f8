import { describe, expect, test } from 'vitest';
import { ServerClock } from '../src/model/clock.ts';
import { project } from '../src/model/projection.ts';
import { type Counters, Meter } from '../src/model/stats.ts';

const requests = (count: number) => ({ market_requests: count, market_bytes: count * 100 });

describe('a meter', () => {
  test('begins at zero, whatever was counted before', () => {
    const meter = new Meter();
    expect(meter.total()).toBeUndefined();
    meter.record(0, requests(500));
    expect(meter.total()).toMatchObject({ market_requests: 0, market_bytes: 0, gateway_bytes: 0 });
    meter.record(1000, requests(503));
    expect(meter.total()).toMatchObject({ market_requests: 3, market_bytes: 300 });
  });

  test('extrapolates to a minute once there is enough to go by', () => {
    const meter = new Meter();
    meter.record(0, requests(0));
    meter.record(4999, requests(5));
    expect(meter.perMinute()).toBeUndefined();
    meter.record(6000, requests(6));
    expect(meter.perMinute()).toMatchObject({ market_requests: 60, market_bytes: 6000 });
  });

  test('looks back one minute', () => {
    const meter = new Meter();
    for (let second = 0; second <= 300; second++) {
      // Once a second at first, five times a second in the last minute.
      meter.record(second * 1000, requests(second <= 240 ? second : 240 + (second - 240) * 5));
    }
    expect(meter.perMinute()?.market_requests).toBe(300);
    expect(meter.lastMinute()?.market_requests).toBe(300);
    expect(meter.total()?.market_requests).toBe(540);
  });

  test('does not extrapolate what is done by hand', () => {
    const meter = new Meter();
    meter.record(0, requests(0));
    meter.record(3000, requests(1));
    expect(meter.lastMinute()?.market_requests).toBe(1);
  });

  test('measures anew after a restart, and keeps its totals', () => {
    const meter = new Meter();
    meter.record(0, requests(0));
    meter.record(10_000, requests(10));
    meter.restart();
    meter.record(11_000, requests(11));
    expect(meter.perMinute()).toBeUndefined();
    expect(meter.total()?.market_requests).toBe(11);
    meter.record(16_000, requests(36));
    expect(meter.perMinute()?.market_requests).toBe(300);
  });
});

describe('a projection', () => {
  const one: Counters = { market_requests: 300, market_not_modified: 10, market_bytes: 4000, gateway_requests: 1, gateway_bytes: 700 };

  test('live does not multiply at the API, only at the gateway', () => {
    expect(project('live', one, 1000)).toEqual({ apiRequests: 300, apiBytes: 4000, gatewayBytes: 700_000 });
  });

  test.each(['polling', 'refresh'] as const)('%s multiplies at the API', (way) => {
    const direct = { ...one, gateway_requests: 0, gateway_bytes: 0 };
    expect(project(way, direct, 1000)).toEqual({ apiRequests: 300_000, apiBytes: 4_000_000, gatewayBytes: 0 });
  });
});

describe('the server\'s clock', () => {
  test('is the local one while nothing is known, or what came is no time', () => {
    const clock = new ServerClock(() => 5000);
    clock.record(Number.NaN, 0, 10);
    expect(clock.now()).toBe(5000);
  });

  test('follows the sample with the shortest round trip', () => {
    const clock = new ServerClock(() => 10_000);
    clock.record(1_000_100, 0, 200); // offset 1 000 000, 200 ms
    clock.record(1_000_507, 500, 510); // offset 1 000 002, 10 ms
    clock.record(1_003_000, 1000, 5000); // offset 1 000 000, 4 s
    expect(clock.now()).toBe(1_010_002);
  });

  test('forgets old samples', () => {
    const clock = new ServerClock(() => 0);
    clock.record(100, 0, 0);
    for (let sample = 0; sample < 30; sample++) clock.record(205, 0, 10);
    expect(clock.now()).toBe(200);
  });
});
