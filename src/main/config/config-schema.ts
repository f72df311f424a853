/**
 * JSON Schema (draft 2020-12) of a configuration file, for editors: made of the same tables as all else. Pure.
 *
 * It is never stricter than the service: a value that stands in quotes, or a key without one, is as good here as there. What only
 * the service can judge (addresses, files, values beside each other) is text here.
 */
import type { JsonSchema, OptionSpec } from "./option-spec.ts";
import type { TargetName } from "./config-options.ts";

/** A file is read as it is written, so a number or a switch is a text too. */
const ANY_TEXT: JsonSchema = { type: ["string", "number", "boolean"] };
const NOTHING: JsonSchema = { type: "null" };

export function configSchema(command: TargetName, options: readonly OptionSpec<unknown>[]): JsonSchema {
  const inFile = options.filter(({ name }) => name !== "config");
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: `kvcast ${command}`,
    description: `The configuration file of kvcast ${command}: names of flags without the dashes.`,
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(inFile.map((option) => [option.name, propertyOf(option)])),
  };
}

function propertyOf(option: OptionSpec<unknown>): JsonSchema {
  const { type, help, default: text, defaultNote } = option;
  const item = type.json ?? ANY_TEXT;
  const values = option.repeatable === true ? [item, { type: "array", items: { anyOf: [item, NOTHING] } }] : [item];
  const facts = text === undefined && defaultNote !== undefined ? ` Default: ${defaultNote}.` : "";
  return {
    description: `${help} Takes ${type.takes}.${facts}`,
    ...(text === undefined ? {} : { default: text }),
    anyOf: [...values, NOTHING],
  };
}
