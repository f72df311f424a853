/** Tells apart what `kvcast config` itself is told, and what is for the service that it looks at. MAIN THREAD, at start. */
import { CONFIG_OPTIONS, type TargetName } from "./config-options.ts";
import type { Flags } from "./option-spec.ts";
import { Resolver } from "./resolve.ts";

/** Throws ConfigError. */
export function loadConfigCall(flags: Flags): { readonly command: TargetName; readonly rest: Flags } {
  const command = new Resolver({ flags, env: {}, file: new Map() }).pick(CONFIG_OPTIONS.command);
  return { command, rest: new Map([...flags].filter(([name]) => name !== CONFIG_OPTIONS.command.name)) };
}
