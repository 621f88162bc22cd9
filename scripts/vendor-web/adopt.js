// CodeMirror keeps its styles in modules of the package style-mod, which puts them
// into a <style> element. A strict Content-Security-Policy forbids that element;
// style sheets that a script constructs, and the document adopts, it allows. The
// bundle takes this file for style-mod.
import { StyleModule as Original } from "./node_modules/style-mod/src/style-mod.js";

const adopted = new WeakMap(); // of a document or shadow root: what it has

export class StyleModule extends Original {
  // mount adds the rules of the modules to root, once each; later modules beat
  // earlier ones.
  static mount(root, modules) {
    modules = [].concat(modules);
    let own = adopted.get(root);
    if (!own) {
      const window = (root.ownerDocument || root).defaultView;
      own = { modules: [], sheet: new window.CSSStyleSheet() };
      root.adoptedStyleSheets.push(own.sheet);
      adopted.set(root, own);
    }
    const before = own.modules;
    own.modules = before.filter((module) => !modules.includes(module)).concat(modules);
    if (own.modules.length !== before.length || own.modules.some((module, i) => module !== before[i])) {
      own.sheet.replaceSync(own.modules.map((module) => module.getRules()).join("\n"));
    }
  }
}
