/**
 * Making and changing elements. BROWSER.
 *
 * Text is only ever put in as text: nothing that came over the wire is read as HTML, and the page's policy would not let it.
 */

type Child = Node | string;

/** An element with attributes and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Of `index.html`. Throws when it is not there: then page and script are not of one build. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** Leaves what is the same as it is: five times a second everything else would be selected text that jumps. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A sign that tells a state without its colour; the words beside it say the same. */
export function glyph(): HTMLSpanElement {
  return el("span", { class: "glyph", "aria-hidden": "true" });
}

/**
 * Keeps one element for each item, in their order: made when its key is new, updated, and removed when it is gone.
 */
export class KeyedList<Item, Row extends { readonly root: Element }> {
  readonly #parent: Element;
  readonly #keyOf: (item: Item) => string;
  readonly #make: (item: Item) => Row;
  readonly #update: (row: Row, item: Item) => void;
  readonly #rows: Map<string, Row> = new Map();

  constructor(
    parent: Element,
    keyOf: (item: Item) => string,
    make: (item: Item) => Row,
    update: (row: Row, item: Item) => void,
  ) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = make;
    this.#update = update;
  }

  show(items: readonly Item[]): void {
    const keys = new Set(items.map(this.#keyOf));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.root.remove();
      this.#rows.delete(key);
    }
    for (const [place, item] of items.entries()) {
      const key = this.#keyOf(item);
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = this.#make(item);
        this.#rows.set(key, row);
      }
      this.#update(row, item);
      const there = this.#parent.children[place];
      if (there !== row.root) this.#parent.insertBefore(row.root, there ?? null);
    }
  }
}
