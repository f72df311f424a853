/** The names of a scanned line's labels, compared as they stand in it. ANY THREAD. */
import { compareRanges } from "./bytes.ts";

/** Where they stand; a `SampleScanner` is one. */
export interface LabelNames {
  readonly labelCount: number;
  readonly labelFrom: Int32Array;
  readonly labelTo: Int32Array;
}

/** Below 0, 0 or above, as the names of two labels compare. */
export function compareLabels(bytes: Uint8Array, { labelFrom, labelTo }: LabelNames, a: number, b: number): number {
  const from = labelFrom[b] as number;
  return compareRanges(bytes, labelFrom[a] as number, labelTo[a] as number, bytes, from, labelTo[b] as number);
}

/** The same for the name of a label and another name. */
export function compareLabel(bytes: Uint8Array, names: LabelNames, label: number, name: Uint8Array): number {
  const from = names.labelFrom[label] as number;
  return compareRanges(bytes, from, names.labelTo[label] as number, name, 0, name.length);
}

/** Index of the label of that name; -1 when there is none. */
export function indexOfLabel(bytes: Uint8Array, names: LabelNames, name: Uint8Array): number {
  for (let i = 0; i < names.labelCount; i++) if (compareLabel(bytes, names, i, name) === 0) return i;
  return -1;
}

/** Whether no name stands twice. As a rule they are in order, which is soon seen. */
export function namesDiffer(bytes: Uint8Array, names: LabelNames): boolean {
  let i = 1;
  while (i < names.labelCount && compareLabels(bytes, names, i - 1, i) < 0) i++;
  if (i >= names.labelCount) return true;
  for (let a = 0; a < names.labelCount; a++) {
    for (let b = a + 1; b < names.labelCount; b++) if (compareLabels(bytes, names, a, b) === 0) return false;
  }
  return true;
}
