/**
 * LoRA names and cache salts as small numbers, so that they fit in words. MAIN THREAD. Counted, so that a text that nothing
 * names any more is forgotten: there may be one salt a tenant, or one a request.
 */

export class TextTable {
  readonly #ids: Map<string, number> = new Map();
  /** By id; 0 is no text at all. */
  readonly #texts: (string | null)[] = [null];
  readonly #counts: number[] = [0];
  readonly #free: number[] = [];
  #chars: number = 0;

  /** Rough: two bytes a character, and what a map entry takes. */
  get memoryBytes(): number {
    return 2 * this.#chars + 64 * this.#ids.size;
  }

  /** The number of a text, named once more; 0 for null. */
  take(text: string | null): number {
    if (text === null) return 0;
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.#free.pop() ?? this.#texts.length;
      this.#ids.set(text, id);
      this.#texts[id] = text;
      this.#counts[id] = 0;
      this.#chars += text.length;
    }
    this.#counts[id] = (this.#counts[id] as number) + 1;
    return id;
  }

  text(id: number): string | null {
    return this.#texts[id] ?? null;
  }

  /** One that names the text is gone. */
  release(id: number): void {
    if (id === 0) return;
    const left = (this.#counts[id] as number) - 1;
    this.#counts[id] = left;
    const text = this.text(id);
    if (left > 0 || text === null) return;
    this.#ids.delete(text);
    this.#texts[id] = null;
    this.#free.push(id);
    this.#chars -= text.length;
  }
}
