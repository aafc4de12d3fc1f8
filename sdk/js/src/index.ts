/** The package's public face. */

export { Live, live, type LiveEvents } from './live.ts';
export { applyPatch, type Operation, PatchError } from './patch.ts';
export {
  LiveError,
  type LiveErrorCode,
  type LiveHeaders,
  type LiveOptions,
  type LiveState,
  type LiveStatus,
  type LiveUpdate,
  type NetworkSignals,
  type Problem,
} from './types.ts';
