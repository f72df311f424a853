/**
 * What the package offers to programs. Everything else is internal and may change in any release.
 */
export { BindError, ConfigError, InvalidEventError, KvcastError, ThreadDiedError } from "../shared/errors.ts";
export { toSignedI64 } from "../shared/hash64.ts";
export { WIRE_FORMATS, type WireFormat } from "../shared/wire-format.ts";
export type { BlockHash, BlockMmInfo } from "./event-arguments.ts";
export { KvConsolidator, type KvConsolidatorOptions, type KvConsolidatorSettings } from "./kv-consolidator.ts";
export type { LineageOptions, TierBlocks, TierName, TierSource } from "./consolidate/tier-source.ts";
export { type StoredOptions, ZmqKvEventPublisher, type ZmqKvEventPublisherOptions } from "./zmq-kv-event-publisher.ts";
export {
  type EngineMetricsOptions,
  type MetricsEndpoint,
  registerEngineMetricsCallback,
} from "./expfmt/engine-metrics-callback.ts";
export type { InjectedLabels } from "./expfmt/label-injection.ts";
export {
  type ExpfmtLog,
  type ExpfmtOptions,
  type ExpfmtRegistry,
  getPrometheusExpfmt,
} from "./expfmt/prometheus-expfmt.ts";
export { type ExpfmtCallback, RuntimeMetrics, type RuntimeMetricsOptions } from "./expfmt/runtime-metrics.ts";
export {
  AdditionalMetricsCollector,
  type AdditionalMetricsLabels,
  type GuidedDecoding,
  isImageRequest,
  isStructuredOutput,
  type KvTransfer,
  type RequestParts,
} from "./component-metrics/additional-metrics.ts";
export { type BackendMetricsLabels, LLMBackendMetrics } from "./component-metrics/backend-metrics.ts";
export {
  attentionDpSizeOf,
  Backend,
  backendOf,
  DisaggregationMode,
  disaggregationModeOf,
  Modality,
  modalityOf,
} from "./component-metrics/worker-traits.ts";
export {
  bosTokenIdOr,
  HealthCheckPayload,
  type HealthCheckPayloadOptions,
  type PayloadForm,
  TrtllmHealthCheckPayload,
  type TrtllmPayloadOptions,
} from "./health/payload.ts";
export {
  HEALTH_CHECK_KEY,
  isProbe,
  loadHealthCheckFromEnv,
  parseHealthCheckPayload,
  type PayloadFields,
  type PayloadLog,
} from "./health/payload-text.ts";
export type {
  ClearedEvent,
  EventFault,
  KvBatch,
  KvEvent,
  MalformedEvent,
  MessageFault,
  RemovedEvent,
  StoredEvent,
  UnknownEvent,
} from "./tail/kv-event.ts";
export { newKeyPair as curveKeyPair } from "./curve/key-pair.ts";
export type { CurveClientKeys, CurveKeyPair } from "../shared/curve.ts";
export type { HandshakeRefusal } from "./tail/handshake-refusal.ts";
export { StreamClient } from "./tail/stream-client.ts";
export type {
  BatchItem,
  BatchSource,
  GapItem,
  LossReason,
  MalformedItem,
  RestartItem,
  SnapshotEndItem,
  SnapshotFailedItem,
  SnapshotFailure,
  SnapshotHeader,
  SnapshotStartItem,
  StreamCounters,
  StreamItem,
} from "./tail/stream-items.ts";
export type { StreamClientOptions } from "./tail/stream-options.ts";
export {
  ClusterCancelledError,
  ClusterNotReadyError,
  ClusterPayloadError,
  ClusterTimeoutError,
} from "./cluster/cluster-error.ts";
export type { BroadcastOptions, BroadcastResult } from "./cluster/broadcast.ts";
export { cacheSizes, initTimeoutMs, type LeaderEndpoints, leaderEndpoints } from "./cluster/endpoints.ts";
export type { HandshakeOptions, HandshakeResult } from "./cluster/handshake.ts";
export { ClusterLeader, type ClusterLeaderOptions } from "./cluster/leader.ts";
export type { LivenessOptions } from "./cluster/liveness.ts";
export {
  type CachePlan,
  type CacheSizes,
  type LeaderMetadata,
  planCaches,
  type WorkerMetadata,
} from "./cluster/metadata.ts";
export type { WorkerAnswer } from "./cluster/pending-call.ts";
export type { TransferRequest } from "./cluster/transfer.ts";
export { ClusterWorker, type ClusterWorkerOptions } from "./cluster/worker.ts";
export type { CommandHandler, WorkerProblem } from "./cluster/worker-desk.ts";
export {
  type IndexedBlock,
  KvIndexer,
  type KvIndexerOptions,
  type PromptOptions,
  type StorageTier,
} from "./router-index/kv-indexer.ts";
export type { DumpedBlock } from "./router-index/dump.ts";
export type { FullPolicy, RankOverlap } from "./router-index/router-index.ts";
export {
  type Candidate,
  choose as chooseWorker,
  type Choice,
  type ChoiceOptions,
  type Weighed,
} from "./router-api/route-choice.ts";
