/**
 * `kvcast serve`: runs the service until a signal. MAIN THREAD.
 *
 * The first SIGTERM or SIGINT drains and ends with 0; a second one ends the process at once, by the signal's own action.
 * SIGHUP ends nothing: see `hangup.ts`.
 */
import { EXIT, messageOf } from "../../shared/errors.ts";
import type { LoadedConfig } from "../config/config.ts";
import { createLogger, type Logger } from "../log.ts";
import { EngineDeathError } from "../health/engine-death.ts";
import { Service } from "../service.ts";
import { within } from "../within.ts";
import { FatalError } from "./fatal-error.ts";
import { FlowReport } from "./flow-report.ts";
import { type Hangups, renewal } from "./hangup.ts";
import { startCard, startFields } from "./start-card.ts";
import { SystemdNotifier } from "./systemd.ts";
import { VERSION } from "./version.ts";

type Ending =
  | { readonly kind: "signal"; readonly signal: NodeJS.Signals }
  | { readonly kind: "fatal"; readonly error: Error };

/** Resolves with the exit code, after `stopped` or a failure. Rejects with BindError when an address is taken. */
export async function runServe(
  loaded: LoadedConfig,
  stopped: Promise<NodeJS.Signals>,
  hangups: Hangups,
): Promise<number> {
  const { config } = loaded;
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  for (const warning of loaded.warnings) log.warn(warning);
  // Told to end while it was still loading: nothing is begun then, and no event taken from the engine.
  if ((await Promise.race([stopped, Promise.resolve(null)])) !== null) {
    log.info("stopped, before anything was begun");
    return EXIT.ok;
  }

  const fatal = new FatalError();
  const ending = Promise.race<Ending>([
    stopped.then((signal) => ({ kind: "signal", signal })),
    fatal.happened.then((error) => ({ kind: "fatal", error })),
  ]);
  const service = await Service.start({
    config,
    given: loaded,
    version: VERSION,
    log,
    onFatal: (error) => fatal.tell(error),
  });
  hangups.listen(renewal(loaded.rereadCredentials, (credentials) => service.renewCredentials(credentials), log));
  announce(loaded, service, log);
  const flow = new FlowReport(service.engines, service.pipeline, log);
  flow.start();
  const systemd = SystemdNotifier.of(process.env, log);
  systemd?.ready(`publishing on ${service.pipeline.zmqEndpoint() ?? "NATS"}`);
  const why = await ending;
  flow.stop();
  systemd?.stopping();
  if (why.kind === "fatal") log.error("the service cannot go on", { error: messageOf(why.error) });
  else log.info("shutting down", { signal: why.signal });
  const isDeath = why.kind === "fatal" && why.error instanceof EngineDeathError;
  const end = service.stop();
  const report = isDeath ? await within(end, config.engineHealth.shutdownTimeoutMs) : await end;
  if (report === null) log.warn("ended before all was sent: --engine-health-shutdown-timeout is over");
  else flow.final(report);
  systemd?.close();
  return why.kind === "fatal" ? EXIT.failure : EXIT.ok;
}

/** The start card for people, one structured line for machines. */
function announce(loaded: LoadedConfig, service: Service, log: Logger): void {
  const facts = {
    zmqEndpoint: service.pipeline.zmqEndpoint(),
    replayEndpoint: service.pipeline.replayEndpoint(),
    httpUrl: service.httpUrl,
    pageUrl: service.pageUrl,
    httpImplementation: service.httpImplementation,
    clusterName: service.clusterName,
    memoryBoundBytes: service.memoryBoundBytes,
  };
  if (loaded.config.logFormat === "json") log.info("kvcast is running", startFields(loaded, facts));
  else process.stderr.write(startCard(loaded, facts));
}
