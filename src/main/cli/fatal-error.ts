/** The first error that a running service cannot live with, for whoever waits for its end. MAIN THREAD. */
export class FatalError {
  /** Resolves with it; never, if there is none. */
  readonly happened: Promise<Error>;
  #resolve: ((error: Error) => void) | undefined;

  constructor() {
    this.happened = new Promise((resolve) => (this.#resolve = resolve));
  }

  tell(error: Error): void {
    this.#resolve?.(error);
  }
}
