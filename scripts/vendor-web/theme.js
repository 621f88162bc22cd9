// How the editor looks. Its colours are variables of the page, with the page's own
// ones and then the system's in their place, so that light and dark need no script.
import { EditorView } from "@codemirror/view";

const ground = "var(--editor-ground, var(--card, Canvas))";
const ink = "var(--editor-ink, var(--ink, CanvasText))";
const soft = "var(--editor-soft, var(--soft, GrayText))";
const line = "var(--editor-line, var(--line, GrayText))";
const focus = "var(--editor-focus, var(--green, Highlight))";
const error = "var(--editor-error, var(--red, light-dark(#a3312b, #ef8c85)))";
const warning = "var(--editor-warning, light-dark(#8a5a00, #e3b14f))";
const mark = "var(--editor-mark, light-dark(#fdf0b8, #54491c))";
const marked = "var(--editor-marked, light-dark(#f9d65c, #7d6a17))";
const code = "var(--editor-font, ui-monospace, SFMono-Regular, Menlo, Consolas, monospace)";

export const theme = EditorView.theme({
  "&": { backgroundColor: ground, color: ink, border: `1px solid ${line}`, borderRadius: "0.375rem" },
  "&.cm-focused": { outline: `2px solid ${focus}`, outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: code, fontSize: "0.875rem", lineHeight: "1.5", maxHeight: "70vh" },
  ".cm-content, .cm-gutter": { minHeight: "12rem" },
  ".cm-content": { caretColor: ink, padding: "0.5rem 0" },
  ".cm-gutters": { backgroundColor: ground, color: soft, borderRight: `1px solid ${line}` },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLineGutter": { color: ink, fontWeight: "600" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: mark, outline: `1px solid ${line}` },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", outline: `1px solid ${error}` },
  ".cm-searchMatch": { backgroundColor: mark, outline: "none" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: marked },
  ".cm-selectionMatch": { backgroundColor: mark },
  ".cm-placeholder": { color: soft },
  ".cm-panels": { backgroundColor: ground, color: ink },
  ".cm-panels.cm-panels-bottom": { borderTop: `1px solid ${line}` },
  ".cm-panel.cm-search": { fontSize: "0.875rem" },
  ".cm-textfield": { backgroundColor: ground, color: ink, border: `1px solid ${soft}`, fontSize: "inherit" },
  ".cm-button": { backgroundImage: "none", backgroundColor: ground, color: ink, border: `1px solid ${soft}`, fontSize: "inherit", minHeight: "1.5rem" },
  ".cm-tooltip": { backgroundColor: ground, color: ink, border: `1px solid ${line}`, maxWidth: "min(40rem, 90vw)" },
  ".cm-diagnostic": { padding: "0.25rem 0.5rem", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: `0.25rem solid ${error}` },
  ".cm-diagnostic-warning": { borderLeft: `0.25rem solid ${warning}` },
  ".cm-lintRange-error, .cm-lintRange-warning": { backgroundImage: "none", textDecoration: `underline wavy ${error}`, textDecorationSkipInk: "none" },
  ".cm-lintRange-warning": { textDecorationColor: warning },
  ".cm-lintRange-active": { backgroundColor: mark },
  ".cm-panel.cm-panel-lint ul [aria-selected], .cm-panel.cm-panel-lint ul:focus [aria-selected]": { backgroundColor: mark, color: ink },
  // A finger finds it.
  ".cm-panel.cm-panel-lint [name=close], .cm-panel.cm-search [name=close]": { minWidth: "1.5rem", minHeight: "1.5rem", color: ink },
  ".cm-specialChar": { color: error },
  ".cm-lint-marker": { width: "0.75rem", height: "0.75rem", marginTop: "0.3rem" },
  ".cm-lint-marker-error": { content: "none", backgroundColor: error, borderRadius: "50%" },
  ".cm-lint-marker-warning": { content: "none", backgroundColor: warning, clipPath: "polygon(50% 0, 100% 100%, 0 100%)" },
  ".cm-lint-marker-info": { content: "none", backgroundColor: soft, borderRadius: "0.125rem" },
  ".tok-propertyName": { color: "var(--editor-key, light-dark(#0b5394, #8ec5f4))" },
  ".tok-string": { color: "var(--editor-string, light-dark(#20693f, #8fd3a9))" },
  ".tok-number, .tok-bool, .tok-keyword": { color: "var(--editor-value, light-dark(#8a3d0a, #f0b184))" },
  ".tok-invalid": { color: error },
});
