/**
 * The request of `transfer_blocks`: which blocks to copy from one pool to another. MAIN THREAD; pure.
 *
 * JSON as serde writes it: the fields in their order, one that is absent left out, unknown ones passed over.
 */
import { type Fields, fieldsOf, isCount } from "../../shared/json-object.ts";
import { messageOf } from "../../shared/errors.ts";
import { ClusterPayloadError } from "./cluster-error.ts";

const POOLS = ["Device", "Host", "Disk"] as const;
export type BlockPool = (typeof POOLS)[number];

const REQUEST_TYPES = ["Scheduled", "Immediate"] as const;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Between which pools blocks can be copied; all other pairs are refused. */
const LEGAL: ReadonlySet<string> = new Set(["Device Host", "Device Disk", "Host Device", "Host Disk", "Disk Device"]);

/** What must be over before the blocks may be copied. */
export type TransferRequirement =
  | { readonly kind: "iteration"; readonly iteration: number }
  | { readonly kind: "layer_name"; readonly layer: string; readonly iteration: number }
  | { readonly kind: "layer"; readonly layer: number; readonly iteration: number };

/** Ties a transfer to a request of the engine's scheduler. */
export interface ConnectorRequest {
  readonly requestId: string;
  readonly uuid: string;
  readonly requirement: TransferRequirement | null;
  readonly requestType: (typeof REQUEST_TYPES)[number];
}

export interface TransferRequest {
  readonly fromPool: BlockPool;
  readonly toPool: BlockPool;
  /** Pairs of block numbers, source and destination. */
  readonly blocks: readonly (readonly [number, number])[];
  readonly connectorRequest: ConnectorRequest | null;
}

/** The bytes of the request's one frame. */
export function encodeTransfer(request: TransferRequest): Buffer {
  const { fromPool, toPool, blocks, connectorRequest } = request;
  const json = { from_pool: fromPool, to_pool: toPool, blocks };
  return Buffer.from(
    JSON.stringify(connectorRequest === null ? json : { ...json, connector_req: connectorJson(connectorRequest) }),
  );
}

/** Throws ClusterPayloadError for what is no request. Whether its pools go together is for `checkPools` to say. */
export function decodeTransfer(frame: Buffer): TransferRequest {
  const request = objectIn(parsed(frame), "the request");
  const { from_pool: from, to_pool: to, blocks, connector_req: connector } = request;
  if (!Array.isArray(blocks)) throw bad("blocks", "a list of pairs");
  return {
    fromPool: oneOf(from, POOLS, "from_pool"),
    toPool: oneOf(to, POOLS, "to_pool"),
    blocks: blocks.map(pairOf),
    connectorRequest: connector === undefined || connector === null ? null : connectorOf(connector),
  };
}

/** Throws ClusterPayloadError when nothing can be copied between the two pools. */
export function checkPools({ fromPool, toPool }: Pick<TransferRequest, "fromPool" | "toPool">): void {
  if (LEGAL.has(`${fromPool} ${toPool}`)) return;
  throw new ClusterPayloadError(`Invalid transfer type. Blocks are not copied from ${fromPool} to ${toPool}`);
}

function connectorJson({ requestId, uuid, requirement, requestType }: ConnectorRequest): unknown {
  return {
    request_id: requestId,
    uuid,
    requirement: requirement === null ? null : requirementJson(requirement),
    request_type: requestType,
  };
}

function requirementJson(requirement: TransferRequirement): unknown {
  switch (requirement.kind) {
    case "iteration":
      return { IterationComplete: requirement.iteration };
    case "layer_name":
      return { LayerNameComplete: [requirement.layer, requirement.iteration] };
    case "layer":
      return { LayerComplete: [requirement.layer, requirement.iteration] };
  }
}

function parsed(frame: Buffer): unknown {
  try {
    return JSON.parse(frame.toString("utf8"));
  } catch (error) {
    throw new ClusterPayloadError(`a transfer of ${frame.length} bytes is no JSON: ${messageOf(error)}`);
  }
}

function connectorOf(value: unknown): ConnectorRequest {
  const { request_id: requestId, uuid, requirement, request_type: type } = objectIn(value, "connector_req");
  if (typeof requestId !== "string") throw bad("request_id", "a text");
  if (typeof uuid !== "string" || !UUID.test(uuid)) throw bad("uuid", "a UUID");
  return {
    requestId,
    uuid,
    requirement: requirement === undefined || requirement === null ? null : requirementOf(requirement),
    requestType: oneOf(type, REQUEST_TYPES, "request_type"),
  };
}

function requirementOf(value: unknown): TransferRequirement {
  const entries = Object.entries(objectIn(value, "requirement"));
  const [kind, fact] = entries.length === 1 ? (entries[0] ?? []) : [];
  const [layer, iteration]: readonly unknown[] = Array.isArray(fact) && fact.length === 2 ? fact : [];
  if (kind === "IterationComplete" && isCount(fact)) return { kind: "iteration", iteration: fact };
  if (kind === "LayerNameComplete" && typeof layer === "string" && isCount(iteration)) {
    return { kind: "layer_name", layer, iteration };
  }
  if (kind === "LayerComplete" && isCount(layer) && isCount(iteration)) return { kind: "layer", layer, iteration };
  throw bad("requirement", "null, IterationComplete, LayerNameComplete or LayerComplete");
}

function pairOf(value: unknown): readonly [number, number] {
  const [source, destination]: readonly unknown[] = Array.isArray(value) && value.length === 2 ? value : [];
  if (!isCount(source) || !isCount(destination)) throw bad("blocks", "a list of pairs of block numbers");
  return [source, destination];
}

function objectIn(value: unknown, what: string): Fields {
  const fields = fieldsOf(value);
  if (fields === null) throw bad(what, "an object");
  return fields;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], field: string): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw bad(field, `one of ${allowed.join(", ")}`);
  return found;
}

/** Names the field, not its value: a request's id is the engine's affair. */
function bad(field: string, takes: string): ClusterPayloadError {
  return new ClusterPayloadError(`a transfer's ${field} must be ${takes}`);
}
