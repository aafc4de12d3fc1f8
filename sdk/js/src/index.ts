/** The package's public face. */

export { live } from './live.ts';
export type { Operation } from './patch.ts';
export type { Live, LiveEvents } from './store.ts';
export {
  type ConnectOptions,
  LiveError,
  type LiveErrorCode,
  type LiveHeaders,
  type LiveMode,
  type LiveOptions,
  type LiveState,
  type LiveStatus,
  type LiveTransport,
  type LiveUpdate,
  type NetworkSignal,
  type NetworkSignals,
  type Problem,
  type SubscribeOptions,
  type Wish,
} from './types.ts';
