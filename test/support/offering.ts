/** How tests hand events to a pipeline. Not a user of zeromq: some tests must leave that to the publisher thread alone. */
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import type { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { numbered } from "./pipeline-parts.ts";

/** Offers events until all are taken, waiting where the ring is full. */
export async function offerAll(pipeline: Pipeline, events: Iterable<PublishedEvent>): Promise<void> {
  let sinceFlush = 0;
  for (const event of events) {
    while (!pipeline.offer(event)) {
      pipeline.flush();
      await pipeline.writable();
    }
    if (++sinceFlush % 100 === 0) {
      pipeline.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  pipeline.flush();
}

/** 1 … count. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Events 1 … count, one block each, made as they are asked for. */
export function* numberedEvents(count: number): Generator<PublishedEvent> {
  for (let n = 1; n <= count; n++) yield numbered(n);
}
