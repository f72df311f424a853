/**
 * The wire dialects that kvcast speaks. What each looks like is in `docs/wire-format.md`.
 *
 * - `vllm`: maps with all keys that typed readers demand; many events a message. The default.
 * - `vllm-array`: the positional form of the same, for readers that have not moved to maps.
 * - `dynamo`: byte for byte what the Python class of August 2026 sends; one event a message.
 * - `dynamo-2026-01`: the same for the class of January 2026.
 * - `consolidator`, `consolidator-lineage`: what Dynamo's two consolidators send, one block an event, many events a message.
 */
/** Those for the events of an engine. */
export const ENGINE_WIRE_FORMATS = ["vllm", "dynamo", "dynamo-2026-01", "vllm-array"] as const;
export type EngineWireFormat = (typeof ENGINE_WIRE_FORMATS)[number];
export type WireFormat = EngineWireFormat | "consolidator" | "consolidator-lineage";
export const WIRE_FORMATS: readonly WireFormat[] = [...ENGINE_WIRE_FORMATS, "consolidator", "consolidator-lineage"];

/** Whether a message of this dialect carries exactly one event. */
export function isSingleEvent(format: WireFormat): boolean {
  return format === "dynamo" || format === "dynamo-2026-01";
}
