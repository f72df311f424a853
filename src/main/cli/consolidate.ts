/**
 * `kvcast consolidate`: runs the consolidator until a signal. MAIN THREAD. A second signal ends the process at once.
 */
import { EXIT, messageOf } from "../../shared/errors.ts";
import type { LoadedConsolidateConfig } from "../config/load-consolidate.ts";
import { ConsolidateService } from "../consolidate/consolidate-service.ts";
import { createLogger, type Logger } from "../log.ts";
import { consolidateCard, consolidateFields } from "./consolidate-card.ts";
import { FatalError } from "./fatal-error.ts";
import { SystemdNotifier } from "./systemd.ts";
import { VERSION } from "./version.ts";

type Ending =
  | { readonly kind: "signal"; readonly signal: NodeJS.Signals }
  | { readonly kind: "fatal"; readonly error: Error };

/** Resolves with the exit code, after `stopped` or a failure. Rejects with BindError when an address is taken. */
export async function runConsolidate(
  loaded: LoadedConsolidateConfig,
  stopped: Promise<NodeJS.Signals>,
): Promise<number> {
  const { config } = loaded;
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  for (const warning of loaded.warnings) log.warn(warning);
  const fatal = new FatalError();
  const ending = Promise.race<Ending>([
    stopped.then((signal) => ({ kind: "signal", signal })),
    fatal.happened.then((error) => ({ kind: "fatal", error })),
  ]);
  const service = await ConsolidateService.start({
    config,
    version: VERSION,
    log,
    onFatal: (error) => fatal.tell(error),
  });
  announce(loaded, service, log);
  const systemd = SystemdNotifier.of(process.env, log);
  systemd?.ready(`publishing on ${service.pipeline.zmqEndpoint() ?? "NATS"}`);
  const why = await ending;
  systemd?.stopping();
  if (why.kind === "fatal") log.error("the consolidator cannot go on", { error: messageOf(why.error) });
  else log.info("shutting down", { signal: why.signal });
  const report = await service.stop();
  systemd?.close();
  const fields = {
    received_events: service.sources.reduce(
      (sum, { received }) => sum + Object.values(received).reduce((all, count) => all + count, 0),
      0,
    ),
    published_events: service.pipeline.enqueuedEvents() - report.droppedEvents,
    dropped_events: report.droppedEvents,
  };
  if (report.droppedEvents > 0) log.warn("stopped, with events that could not be delivered", fields);
  else log.info("stopped, everything gathered was published", fields);
  return why.kind === "fatal" ? EXIT.failure : EXIT.ok;
}

/** The start card for people, one structured line for machines. */
function announce(loaded: LoadedConsolidateConfig, service: ConsolidateService, log: Logger): void {
  const facts = {
    zmqEndpoint: service.pipeline.zmqEndpoint(),
    replayEndpoint: service.pipeline.replayEndpoint(),
    httpUrl: service.httpUrl,
    memoryBoundBytes: service.memoryBoundBytes,
  };
  if (loaded.config.logFormat === "json") log.info("the consolidator is running", consolidateFields(loaded, facts));
  else process.stderr.write(consolidateCard(loaded, facts));
}
