/** Metrics that are on no board and in no rule, and why. A test fails for one that is missing here, and for one that need not be. */
export const UNCHARTED: Readonly<Record<string, string>> = {
  kvcast_epoch_info: "a UUID, for joining with what subscribers see; /health shows it too",
  kvcast_zmq_refused_handshakes_total:
    "only with CURVE; the log names the key and the address of each that was refused",
  kvcast_sse_clients: "who looks at the live page is nobody's worry; the page itself shows it",
  kvcast_sse_dropped_messages_total: "a browser that is slow or asleep; nothing is lost by it",
  trtllm_num_aborted_requests_total: "kvcast serve never has a series of it: only who handles requests can count them",
  trtllm_request_type_image_total: "as above",
  trtllm_request_type_structured_output_total: "as above",
  dynamo_component_model_load_time_seconds: "kvcast serve never has a series of it: the engine does not tell",
};
