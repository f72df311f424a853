/** Dark, light, or as the system has it; the choice is kept in the browser. BROWSER. */
import { byId, setText } from "./dom.ts";

const KEY = "kvcast-theme";
const THEMES = ["system", "dark", "light"] as const;
type Theme = (typeof THEMES)[number];

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
  } catch {
    return "system"; // a browser may refuse to store anything
  }
}

/** Begins with what was chosen last. `onChange`: colours are other ones now. Returns what goes to the next choice. */
export function startTheme(onChange: () => void): () => void {
  let current = stored();
  const button = byId("theme");
  const apply = (): void => {
    if (current === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = current;
    setText(button, `theme: ${current}`);
    onChange();
  };
  const next = (): void => {
    current = THEMES[(THEMES.indexOf(current) + 1) % THEMES.length] ?? "system";
    try {
      localStorage.setItem(KEY, current);
    } catch {
      // Then it holds until the page is closed.
    }
    apply();
  };
  button.addEventListener("click", next);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  apply();
  return next;
}
