/** Small tools for the page's own markup. */

/** The element with this test id; the markup and the code are one program, so its absence is a bug. */
export function byTestId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.querySelector<E>(`[data-testid="${id}"]`);
  if (element === null) throw new Error(`the page has no element "${id}"`);
  return element;
}

/** Makes an element. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A text that is written to the document only when it changes. */
export class Text {
  readonly node = document.createTextNode('');

  /** Shows `value`; says whether that was a change. */
  set(value: string): boolean {
    if (this.node.data === value) return false;
    this.node.data = value;
    return true;
  }
}

/** A {@link Text} as the only content of `element`. */
export function textIn(element: HTMLElement): Text {
  const text = new Text();
  element.replaceChildren(text.node);
  return text;
}

/** A value of the style sheet, for what is drawn by script. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** Tints an element for a moment; not where less motion is asked for. */
export function flash(element: Element, colour: string): void {
  if (calm.matches) return;
  element.animate([{ backgroundColor: colour }, { backgroundColor: colour, offset: 0.15 }, { backgroundColor: 'transparent' }], {
    duration: 900,
    easing: 'ease-out',
  });
}
