/** A promise that is opened from outside: how a test waits for a thing to happen, instead of for time to pass. */
export class Gate<T = void> {
  readonly opened: Promise<T>;
  #open: (value: T) => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => (this.#open = resolve));
  }

  open(value: T): void {
    this.#open(value);
  }
}
