/** What a tab says to the shared worker. BROWSER; a type. */

/** `here`: send me everything, and go on; said again and again. `leave`: no more. */
export type TabMessage = "here" | "leave";
