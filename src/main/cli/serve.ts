/**
 * `kvcast serve`: runs the service until a signal. MAIN THREAD.
 *
 * The first SIGTERM or SIGINT drains and ends with 0; a second one ends the process at once, by the signal's own action.
 */
import { EventEmitter, once } from "node:events";
import { EXIT, messageOf } from "../../shared/errors.ts";
import type { LoadedConfig } from "../config/config.ts";
import { createLogger, type Logger } from "../log.ts";
import { Service } from "../service.ts";
import { FlowReport } from "./flow-report.ts";
import { startCard, startFields } from "./start-card.ts";
import { VERSION } from "./version.ts";

type Ending =
  | { readonly kind: "signal"; readonly signal: NodeJS.Signals }
  | { readonly kind: "fatal"; readonly error: Error };

/** Resolves with the exit code. Rejects with BindError when an address is taken. */
export async function runServe(loaded: LoadedConfig): Promise<number> {
  const { config } = loaded;
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  for (const warning of loaded.warnings) log.warn(warning);

  const endings = new EventEmitter<{ ending: [Ending] }>();
  const ending = once(endings, "ending") as Promise<[Ending]>;
  const end = (why: Ending): void => void endings.emit("ending", why);
  onFirstSignal((signal) => end({ kind: "signal", signal }));
  const service = await Service.start({
    config,
    version: VERSION,
    log,
    onFatal: (error) => end({ kind: "fatal", error }),
  });
  announce(loaded, service, log);
  const flow = new FlowReport(service.counters, service.pipeline, log);
  flow.start();
  const [why] = await ending;
  flow.stop();
  if (why.kind === "fatal") log.error("the service cannot go on", { error: messageOf(why.error) });
  else log.info("shutting down", { signal: why.signal });
  const report = await service.stop();
  flow.final(report);
  return why.kind === "fatal" ? EXIT.failure : EXIT.ok;
}

/** Calls back once. Afterwards no handler is left, so that a second signal of either kind ends the process. */
function onFirstSignal(callback: (signal: NodeJS.Signals) => void): void {
  const signals: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];
  const handler = (signal: NodeJS.Signals): void => {
    for (const each of signals) process.removeListener(each, handler);
    callback(signal);
  };
  for (const each of signals) process.on(each, handler);
}

/** The start card for people, one structured line for machines. */
function announce(loaded: LoadedConfig, service: Service, log: Logger): void {
  const facts = {
    zmqEndpoint: service.pipeline.zmqEndpoint(),
    httpUrl: service.httpUrl,
    httpImplementation: service.httpImplementation,
    memoryBoundBytes: service.memoryBoundBytes,
  };
  if (loaded.config.logFormat === "json") log.info("kvcast is running", startFields(loaded, facts));
  else process.stderr.write(startCard(loaded, facts));
}
