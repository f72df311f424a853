/**
 * What kind of worker an engine is: which backend runs it, what it takes in, which half of a request it serves. Pure; part of
 * the library. The values are those that Dynamo's TensorRT-LLM component uses, on its command line and in labels.
 */

/** Which half of a request a worker serves. */
export const DISAGGREGATION_MODES = ["prefill_and_decode", "prefill", "decode", "encode"] as const;
export type DisaggregationMode = (typeof DISAGGREGATION_MODES)[number];

/** By the names that programs have for them. */
export const DisaggregationMode = {
  AGGREGATED: "prefill_and_decode",
  PREFILL: "prefill",
  DECODE: "decode",
  ENCODE: "encode",
} as const;

/** What is also understood. Both mean a worker that does the whole request but for its images. */
export const DISAGGREGATION_ALIASES: Readonly<Record<string, DisaggregationMode>> = {
  agg: "prefill_and_decode",
  pd: "prefill_and_decode",
};

/** What a worker takes in and gives out. */
export const MODALITIES = ["text", "multimodal", "video_diffusion", "image_diffusion"] as const;
export type Modality = (typeof MODALITIES)[number];

/** By the names that programs have for them. */
export const Modality = {
  TEXT: "text",
  MULTIMODAL: "multimodal",
  VIDEO_DIFFUSION: "video_diffusion",
  IMAGE_DIFFUSION: "image_diffusion",
} as const;

/** What runs the model inside TensorRT-LLM. */
export const BACKENDS = ["pytorch", "_autodeploy"] as const;
export type Backend = (typeof BACKENDS)[number];

/** By the names that programs have for them. */
export const Backend = { PYTORCH: "pytorch", AUTODEPLOY: "_autodeploy" } as const;

/** A mode by its value or an alias; null for anything else. */
export function disaggregationModeOf(text: string): DisaggregationMode | null {
  if (Object.hasOwn(DISAGGREGATION_ALIASES, text)) return DISAGGREGATION_ALIASES[text] ?? null;
  return DISAGGREGATION_MODES.find((mode) => mode === text) ?? null;
}

/** A modality by its value; null for anything else. */
export function modalityOf(text: string): Modality | null {
  return MODALITIES.find((modality) => modality === text) ?? null;
}

/** A backend by its value; null for anything else. */
export function backendOf(text: string): Backend | null {
  return BACKENDS.find((backend) => backend === text) ?? null;
}

/** Attention-DP ranks of an engine: as many as its tensor-parallel ranks where it has attention data parallelism, else one. */
export function attentionDpSizeOf(
  engine: { readonly enableAttentionDp: boolean; readonly tensorParallelSize: number } | null,
): number {
  return engine?.enableAttentionDp === true ? engine.tensorParallelSize : 1;
}
