--- What the operator's pages need besides HTML: style, script and picture. They are Lua strings, so
-- that the host and the rock have them, and nothing comes from elsewhere. Internal.

local assets = {}

assets.style = [[
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1a2129; --faint: #59636e;
  --line: #d5dae0; --accent: #0b57c4; --good: #1a7f37; --bad: #c11f2b; --warn: #8a5a00;
  --bad-back: #fdecec; --warn-back: #fff5dd; --good-back: #e7f6ea; --code: #f1f3f5; }
@media (prefers-color-scheme: dark) { :root { --back: #10151b; --card: #181f27; --text: #e3e9ef;
  --faint: #9aa6b2; --line: #313b46; --accent: #75b1ff; --good: #57c26d; --bad: #ff8a86;
  --warn: #e8b64c; --bad-back: #3a1c20; --warn-back: #352a12; --good-back: #14301c;
  --code: #11171d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  overflow-wrap: anywhere; }
a { color: var(--accent); text-underline-offset: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem; z-index: 1; }
header.top { background: var(--card); border-bottom: 1px solid var(--line); }
header.top > div, main, footer { max-width: 82rem; margin: 0 auto; padding: 0 1rem; }
header.top > div { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: center; }
.brand { font-weight: 700; letter-spacing: -.01em; padding: .75rem 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem; list-style: none; margin: 0; padding: 0; }
.top nav a { display: inline-block; padding: .4rem .7rem; border-radius: 6px; text-decoration: none;
  color: var(--text); }
.top nav a:hover { background: var(--back); }
.top nav a[aria-current] { background: var(--accent); color: var(--card); }
header.top form { margin: .3rem 0 .3rem auto; }
main { padding-top: 1rem; padding-bottom: 2rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: .25rem 0 1rem; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
section > :last-child { margin-bottom: 0; }
h3 { font-size: .95rem; margin: 1rem 0 .4rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem; margin: 0 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid var(--line); overflow-wrap: normal; }
th { font-weight: 600; font-size: .82rem; color: var(--faint); white-space: nowrap; }
tbody th { font-size: inherit; color: inherit; white-space: normal; overflow-wrap: anywhere;
  min-width: 8rem; }
tbody tr:last-child > * { border-bottom: 0; }
tbody tr:hover { background: var(--back); }
td.n, th.n { text-align: right; white-space: nowrap; }
td.wide { min-width: 16rem; overflow-wrap: anywhere; }
td.id { overflow-wrap: anywhere; min-width: 9rem; }
td.t { white-space: nowrap; }
.faint { color: var(--faint); }
h2 .faint { font-weight: 400; font-size: .9rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.zero { color: var(--faint); opacity: .7; }
.state { display: inline-block; padding: 0 .5em; border-radius: 1em; font-size: .82rem;
  font-weight: 600; border: 1px solid; white-space: nowrap; }
.rejected, .failed, .error { color: var(--bad); }
.in_doubt, .warning, .warn, .paused { color: var(--warn); }
.delivered, .fine { color: var(--good); }
.note { border-left: 5px solid var(--line); padding: .6rem .9rem; border-radius: 6px;
  margin: 0 0 1rem; background: var(--card); }
.note.bad { border-color: var(--bad); background: var(--bad-back); }
.note.warning { border-color: var(--warn); background: var(--warn-back); color: var(--text); }
.note.good { border-color: var(--good); background: var(--good-back); }
.note p { margin: 0; }
ul.problems { list-style: none; margin: 0 0 1rem; padding: 0; display: grid; gap: .5rem; }
ul.problems .note { margin: 0; }
dl { display: grid; grid-template-columns: minmax(6.5rem, max-content) 1fr; gap: .3rem 1rem;
  margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
pre, code, textarea, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas,
  "Liberation Mono", monospace; font-size: .86rem; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 6px; padding: .7rem;
  overflow: auto; max-height: 32rem; white-space: pre-wrap; margin: 0; }
pre.hex { white-space: pre; }
label { font-weight: 600; display: inline-block; margin-bottom: .25rem; }
input, select, textarea, button { font: inherit; color: inherit; border: 1px solid var(--faint);
  border-radius: 6px; background: var(--card); padding: .42rem .65rem; max-width: 100%; }
textarea { width: 100%; min-height: 14rem; font-family: ui-monospace, Menlo, Consolas,
  "Liberation Mono", monospace; resize: vertical; }
button { font-weight: 600; cursor: pointer; }
button:hover { border-color: var(--accent); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--card); }
button.danger { color: var(--bad); border-color: var(--bad); }
form.filter { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; margin: 0 0 1rem; }
form.filter label { display: block; }
form.filter select { min-height: 2.45em; }
form.inline { display: inline; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; align-items: start; }
.actions.below { margin-top: .6rem; }
.actions p { margin: 0 0 .4rem; }
summary { cursor: pointer; padding: .42rem 0; }
.tabs { display: flex; flex-wrap: wrap; gap: .35rem; list-style: none; padding: 0;
  margin: 0 0 1rem; }
.tabs a { display: inline-block; padding: .3rem .7rem; border: 1px solid var(--line);
  border-radius: 1em; text-decoration: none; background: var(--card); color: var(--text); }
.tabs a[aria-current] { border-color: var(--accent); color: var(--accent); font-weight: 600; }
.hour { margin: 0 0 .6rem; }
.hour p { margin: 0; font-size: .82rem; }
.plot { width: 100%; height: 8rem; display: block; }
.plot .base { stroke: var(--line); vector-effect: non-scaling-stroke; }
.axis { display: flex; justify-content: space-between; }
.good rect, rect.good { fill: var(--good); }
rect.bad { fill: var(--bad); }
.spark { width: 9rem; height: 1.6rem; display: block; }
.key { display: inline-block; width: .7em; height: .7em; border-radius: 2px; }
.key.good { background: var(--good); }
.key.bad { background: var(--bad); }
footer { color: var(--faint); font-size: .85rem; padding-bottom: 1.5rem; }
.sign-in { max-width: 30rem; margin: 3rem auto; }
.sign-in input { width: 100%; margin-bottom: .75rem; }
tr.log td { padding: .2rem .6rem; }
@media (max-width: 40rem) {
  body { font-size: 16px; }
  header.top > div, main, footer { padding-left: .75rem; padding-right: .75rem; }
  section { padding: .75rem; }
  th, td { padding: .4rem .45rem; }
  .top nav a { padding: .45rem .5rem; }
  .top nav { order: 1; width: 100%; }
  /* What has a reason or another long text: a row is a block, so that nothing is out of sight. */
  :is(table.stack, table:has(td.wide)) thead { display: none; }
  :is(table.stack, table:has(td.wide)) tr { display: block; padding: .45rem 0;
    border-bottom: 1px solid var(--line); }
  :is(table.stack, table:has(td.wide)) tr:last-child { border-bottom: 0; }
  :is(table.stack, table:has(td.wide)) :is(th, td) { display: inline-block;
    min-width: 0; padding: 0 .6rem 0 0; border: 0; text-align: left; }
  :is(table.stack, table:has(td.wide)) :is(td.wide, td.id) { display: block; }
  :is(table.stack, table:has(td.wide)) td:empty { display: none; }
  td[data-label]::before { content: attr(data-label) " "; color: var(--faint); }
}
@media (prefers-reduced-motion: no-preference) { a, button { transition: border-color .1s; } }
]]

-- Parts with data-refresh="seconds" are fetched anew. Nobody is disturbed who reads (selected text)
-- or types.
assets.script = [[
"use strict";
(() => {
  const parts = () => [...document.querySelectorAll("[data-refresh]")];
  if (parts().length === 0) return;
  const seconds = () => Math.min(...parts().map(part => Number(part.dataset.refresh)));
  const told = document.getElementById("refreshed");
  const busy = () => {
    const at = document.activeElement;
    const selected = getSelection();
    return document.hidden || selected && !selected.isCollapsed ||
      at && at.closest("[data-refresh]");
  };
  const refresh = async () => {
    if (busy()) return;
    const answer = await fetch(location.href, { cache: "no-store", redirect: "error" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (fresh.body.dataset.page !== document.body.dataset.page) return location.reload();
    if (busy()) return;
    for (const part of parts()) {
      const other = fresh.getElementById(part.id);
      if (other && other.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(other));
    }
    if (told) told.textContent = "";
  };
  const again = () => setTimeout(async () => {
    try {
      await refresh();
    } catch {
      if (told) told.textContent = "The service does not answer; what you see is old.";
    }
    again();
  }, seconds() * 1000);
  again();
})();
]]

assets.icon = [[
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4"
fill="#0b57c4"/><path d="M3 8h8M8 4l4 4-4 4" fill="none" stroke="#fff" stroke-width="2"
stroke-linecap="round" stroke-linejoin="round"/></svg>
]]

return assets
