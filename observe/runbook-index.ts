/** The list of runbooks, by how urgent they are. */
import { isAlert, type Severity } from "../src/main/observe/rules/rule-model.ts";
import { RULE_GROUPS } from "../src/main/observe/rules/rule-file.ts";

const URGENCY: readonly (readonly [severity: Severity, words: string])[] = [
  ["critical", "Someone should look now."],
  ["warning", "Someone should look soon."],
  ["info", "Worth knowing."],
];

export function runbookIndex(): string {
  const alerts = RULE_GROUPS.flatMap(({ rules }) => rules.filter(isAlert));
  return `${[
    "# Runbooks",
    "",
    "<!-- Made by scripts/generate-docs.js from the rules. Do not edit. -->",
    "<!-- prettier-ignore-start -->",
    "",
    "One for each alert of `kvcast rules export`. Commands assume a kvcast at its usual addresses on the same machine.",
    ...URGENCY.flatMap(([severity, words]) => [
      "",
      `## ${severity}`,
      "",
      words,
      "",
      "| Alert | Says |",
      "|---|---|",
      ...alerts
        .filter((each) => each.severity === severity)
        .map(({ alert, summary }) => `| [${alert}](${alert}.md) | ${summary} |`),
    ]),
    "",
    "<!-- prettier-ignore-end -->",
  ].join("\n")}\n`;
}
