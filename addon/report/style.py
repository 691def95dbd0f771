"""The style sheet of the HTML report, for light and dark mode."""

__all__ = ["STYLE"]

STYLE = """\
:root { --ground: #f7f6f3; --card: #fff; --ink: #22252a; --quiet: #6b7078; --line: #e4e2dc; --hit: #2f8f6b;
  --miss: #d9822b; --bypass: #8f9aa8; --refused: #b8505c; --old: #fbecea; --new: #e7f4ee; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15171a; --card: #1d2024; --ink: #e6e7e9; --quiet: #979da6; --line: #2e3238; --hit: #4fb58d;
    --miss: #e59a4a; --bypass: #76818f; --refused: #d0707c; --old: #3a2528; --new: #1e3229; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; margin: 0 0 .9rem; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
header { display: flex; justify-content: space-between; align-items: flex-end; margin-bottom: 1.5rem; gap: 1rem; }
header p, .quiet, small { color: var(--quiet); }
.rate { text-align: right; line-height: 1.1; }
.rate b { font-size: 2.6rem; font-weight: 650; letter-spacing: -.03em; color: var(--hit); white-space: nowrap; }
.rate span { display: block; color: var(--quiet); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem 1.4rem;
  margin-bottom: 1rem; }
.failed { border-color: var(--refused); border-left-width: 5px; }
.failed h2 { color: var(--refused); margin-bottom: .3rem; }
ul { margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1rem; background: none;
  border: 0; padding: 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem; }
.tiles b { display: block; font-size: 1.45rem; font-weight: 620; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.tiles small { display: block; }
.legend { list-style: none; padding: 0; display: flex; gap: 1.2rem; flex-wrap: wrap; margin: -.4rem 0 1rem;
  font-size: .85rem; color: var(--quiet); }
.legend li::before { content: ""; display: inline-block; width: .7rem; height: .7rem; border-radius: 3px;
  background: var(--colour); margin-right: .45rem; }
.hit { --colour: var(--hit); } .miss { --colour: var(--miss); }
.bypass { --colour: var(--bypass); } .refused { --colour: var(--refused); }
.host + .host { margin-top: 1.1rem; }
.host .name { font-weight: 600; overflow-wrap: anywhere; }
.host .quiet { font-size: .85rem; }
.bar { display: flex; height: 14px; background: var(--line); border-radius: 7px; overflow: hidden;
  margin: .3rem 0; }
.bar i { background: var(--colour); min-width: 3px; }
.bar i + i { border-left: 1px solid var(--card); }
.missed { padding: .8rem 0; }
.missed + .missed { border-top: 1px solid var(--line); }
.missed summary { cursor: pointer; overflow-wrap: anywhere; }
.missed em { font-style: normal; font-size: .8rem; background: var(--miss); color: #1b1205; border-radius: 99px;
  padding: .1rem .6rem; margin-left: .6rem; white-space: nowrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9rem; }
th { text-align: left; font-weight: 500; color: var(--quiet); font-size: .8rem; }
th, td { padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td small { display: block; }
.old, .new { font-family: ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; font-size: .82rem;
  padding: .4rem .6rem; overflow-wrap: anywhere; min-width: 9rem; white-space: pre-wrap; }
.old { background: var(--old); } .new { background: var(--new); }
code { font-family: ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; font-size: .85rem;
  overflow-wrap: anywhere; }
.figures td:nth-child(n+3), .figures th:nth-child(n+3) { text-align: right; font-variant-numeric: tabular-nums; }
.remedy { border-left: 3px solid var(--hit); padding-left: .8rem; }
.plain { list-style: none; padding: 0; }
"""
