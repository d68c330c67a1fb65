"""How a report looks, light or dark as the reader's system is."""

from __future__ import annotations

LIGHT = ("#2563eb", "#d9480f", "#15803d", "#9333ea", "#be123c", "#0e7490", "#a16207", "#4d7c0f", "#c026d3", "#475569")
DARK = ("#7aa2ff", "#ff9a62", "#5fd38d", "#c79bff", "#ff7a90", "#5cc8dc", "#e3b341", "#a3d65c", "#f08cff", "#a8b3c4")
COLOURS = len(LIGHT)


def _variables(colours: tuple[str, ...]) -> str:
    return "".join(f"--line-{place}:{colour};" for place, colour in enumerate(colours))


LINES = "".join(f".line-{n}{{stroke:var(--line-{n})}}.fill-{n}{{background:var(--line-{n})}}" for n in range(COLOURS))
STYLE = f"""
:root {{ color-scheme: light dark; --bg: #fff; --text: #1b1f24; --muted: #59636e; --border: #dfe3e8; --bad: #bd2433;
  {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{
  :root {{ --bg: #0e1116; --text: #e4e8ee; --muted: #97a2b0; --border: #2b323d; --bad: #ff8087; {_variables(DARK)} }}
}}
body {{ margin: 2rem auto; max-width: 1240px; padding: 0 1rem; background: var(--bg); color: var(--text);
  font: 14px/1.45 system-ui, sans-serif; }}
h1 {{ font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.1rem; margin: 2rem 0 .5rem; }}
.muted {{ color: var(--muted); font-weight: normal; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--border);
  overflow-wrap: break-word; min-width: 1rem; max-width: 40rem; }}
td code {{ overflow-wrap: anywhere; }}
td {{ font-variant-numeric: tabular-nums; }}
code, pre {{ font-family: ui-monospace, monospace; font-size: 12px; }}
pre {{ padding: .75rem; border: 1px solid var(--border); overflow-x: auto; }}
.failure {{ border-left: 3px solid var(--bad); padding-left: 1rem; }}
.swatch {{ display: inline-block; width: .8rem; height: .8rem; border-radius: 50%; }}
.state.failed, .state.lost {{ color: var(--bad); }}
.charts {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(380px, 1fr)); gap: 1rem; }}
figure {{ margin: 0; }}
figcaption {{ font-weight: 600; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; }}
svg text {{ font: 11px system-ui, sans-serif; fill: var(--muted); }}
path {{ fill: none; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }}
.dots {{ stroke-width: 6; }}
.grid {{ stroke: var(--border); }}
.restart {{ stroke: var(--muted); stroke-dasharray: 3 3; }}
{LINES}
"""
