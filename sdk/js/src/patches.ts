/** `tidegate/patch`: patches by themselves, for whoever applies them without a live resource. */

export { mergePatch } from './merge.ts';
export { applyPatch, type Operation } from './patch.ts';
export { LiveError } from './types.ts';
