/** What the main thread and the password thread say to each other. */

export interface PasswordQuestion {
  readonly id: number;
  readonly password: string;
  /** A bcrypt hash of a known version and cost. */
  readonly hash: string;
}

export interface PasswordAnswer {
  readonly id: number;
  readonly isRight: boolean;
}
