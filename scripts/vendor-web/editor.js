// An editor for JSON over a <textarea>, made of CodeMirror's parts. The text area
// stays what the form sends; without this script it is all there is.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, Transaction } from "@codemirror/state";
import {
  EditorView, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers, placeholder,
} from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

import { theme } from "./theme.js";

let count = 0; // of labels that got an id here

/**
 * Puts an editor in the place of a text area.
 *
 * Whatever is typed is in textarea.value at once, and the text area dispatches a
 * bubbling "input" for it. Who changes textarea.value has to dispatch "input", too;
 * a reset of the form is followed by itself. The text area's labels,
 * aria-describedby, placeholder and readOnly hold for the editor. Tab moves on, as
 * anywhere on the page; Ctrl+] and Ctrl+[ indent.
 *
 * @param {HTMLTextAreaElement} textarea
 * @returns {{setProblems: function(Problem[]), goTo: function(number, number=), focus: function(), destroy: function()}}
 *   setProblems marks what is wrong with the text, and replaces what it marked
 *   before; goTo moves the cursor to a line and column and shows it; destroy leaves
 *   the text area as it was found.
 *
 * @typedef {{line: number, column?: number, message: string, severity?: "error"|"warning"|"info"}} Problem
 *   Lines and columns count from 1, columns in UTF-16 units. Without a column the
 *   whole line is meant. Places outside of the text are moved into it.
 */
export function edit(textarea) {
  let own = false; // whether an "input" of the text area comes from here
  const told = EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    textarea.value = update.state.doc.toString();
    if (update.transactions.some((t) => t.annotation(Transaction.remote))) return;
    own = true;
    textarea.dispatchEvent(new Event("input", { bubbles: true }));
    own = false;
  });
  const view = new EditorView({
    state: EditorState.create({
      doc: textarea.value,
      extensions: [extensions(), told, EditorState.readOnly.of(textarea.readOnly), placeholder(textarea.placeholder),
        EditorView.contentAttributes.of(names(textarea))],
    }),
  });
  const follow = () => {
    const text = textarea.value, now = view.state.doc.toString();
    if (own || text === now) return;
    view.dispatch({ changes: difference(now, text), annotations: Transaction.remote.of(true) });
  };
  // The form is reset only after its listeners were told.
  const reset = () => setTimeout(follow);
  const focus = () => view.focus();
  const listeners = [[textarea, "input", follow], [textarea.form, "reset", reset]];
  for (const label of textarea.labels) listeners.push([label, "click", focus]);
  for (const [target, event, listener] of listeners) target?.addEventListener(event, listener);
  textarea.before(view.dom);
  textarea.hidden = true;

  return {
    setProblems(problems) {
      view.dispatch(setDiagnostics(view.state, problems.map((problem) => diagnostic(view.state.doc, problem))));
    },
    goTo(line, column = 1) {
      view.dispatch({ selection: { anchor: offset(view.state.doc, line, column) }, scrollIntoView: true });
      view.focus();
    },
    focus,
    destroy() {
      for (const [target, event, listener] of listeners) target?.removeEventListener(event, listener);
      view.destroy();
      textarea.hidden = false;
    },
  };
}

function extensions() {
  return [
    lineNumbers(), lintGutter(), highlightActiveLineGutter(), highlightSpecialChars(), history(), indentOnInput(),
    bracketMatching(), highlightSelectionMatches(), search(), EditorView.lineWrapping, indentUnit.of("  "),
    json(), syntaxHighlighting(classHighlighter), theme,
    // Tab is bound to nothing, so that the keyboard can leave.
    keymap.of([...searchKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
  ];
}

// names are the attributes by which assistive technology knows the text area.
function names(textarea) {
  const attributes = { "aria-multiline": "true" };
  const labels = [...textarea.labels];
  for (const label of labels) label.id ||= `editor-label-${++count}`;
  const own = textarea.getAttribute("aria-labelledby");
  if (own || labels.length) attributes["aria-labelledby"] = own || labels.map((label) => label.id).join(" ");
  for (const name of ["aria-label", "aria-describedby"]) {
    const value = textarea.getAttribute(name);
    if (value) attributes[name] = value;
  }
  return attributes;
}

// difference is the smallest single change that makes one text the other, so that
// cursor and problems keep their places.
function difference(before, after) {
  let from = 0, to = before.length, end = after.length;
  while (from < to && from < end && before[from] === after[from]) from++;
  while (to > from && end > from && before[to - 1] === after[end - 1]) to--, end--;
  return { from, to, insert: after.slice(from, end) };
}

function offset(doc, line, column) {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(found.from + Math.max(column, 1) - 1, found.to);
}

function diagnostic(doc, { line, column, message, severity = "error" }) {
  const found = doc.lineAt(offset(doc, line, 1));
  if (!column) return { from: found.from + found.text.search(/\S|$/), to: found.to, message, severity };
  const from = offset(doc, line, column);
  // One word or one quoted string is what most problems are about.
  const [word] = /^("(?:[^"\\]|\\.)*"|[\w.+-]+|.)?/.exec(doc.sliceString(from, found.to));
  return { from, to: from + (word ?? "").length, message, severity };
}
