/** What the workers of the cluster bench are told. */

export interface WorkersOrder {
  readonly pub: string;
  readonly ack: string;
  readonly workers: number;
  /** Two sockets each, and nothing of ours. */
  readonly isBare: boolean;
}

export const ECHO = "echo";
