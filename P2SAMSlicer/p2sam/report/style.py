"""Looks of the report: one style sheet and one small script, both inside the file; the page works without the script."""

from __future__ import annotations

from .pixels import WINDOWS

CSS = """
:root{--ink:#15222e;--soft:#51616e;--line:#d6dee5;--page:#f3f6f8;--card:#fff;--accent:#0b5394;--warn:#9f1d12;--warnbg:#fdeeec;
--result:#ffa51f;--prior:#5cc3ff;--truth:#fff;--good:#37e36b;--bad:#ff5a4f}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
.banner{background:#ffd54a;color:#1c1400;border-bottom:3px solid #1c1400;text-align:center;font-size:16px;padding:8px 16px}
.banner b{font-size:18px;letter-spacing:.04em;margin-right:8px}
header{background:#10202e;color:#eef4f8;padding:22px 0 20px}
.wrap{max-width:1180px;margin:0 auto;padding:0 24px}
header .top{display:flex;justify-content:space-between;gap:24px;font-size:13px;color:#b3c4d1}
h1{font-size:26px;line-height:1.25;margin:6px 0 14px;font-weight:650;overflow-wrap:anywhere}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:10px 26px;margin:0}
dl.facts dt{font-size:12px;color:#9fb4c3}
dl.facts dd{margin:0;overflow-wrap:anywhere}
dl.facts small{color:#b3c4d1;display:block;font-size:12px}
main.wrap{padding-top:22px;padding-bottom:40px}
section{margin-bottom:28px}
h2{font-size:18px;margin:0 0 10px;font-weight:650}
h3{font-size:15px;margin:0 0 4px;font-weight:650;overflow-wrap:anywhere}
.panel{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 18px;margin-bottom:14px}
.lead{font-size:16px;margin:0}
.alert{background:var(--warnbg);border:1px solid #efc1bb;border-left:5px solid var(--warn);border-radius:8px;padding:12px 18px;margin-bottom:14px}
.alert ul{margin:4px 0 0;padding-left:20px}
.alert b{color:var(--warn)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:right;font-weight:600;color:var(--soft);font-size:12.5px;vertical-align:bottom;line-height:1.3;padding:6px 10px;border-bottom:1px solid var(--line)}
td{text-align:right;padding:7px 10px;border-bottom:1px solid #e8edf1;white-space:nowrap}
tr:last-child td{border-bottom:0}
th.t,td.t{text-align:left}
td.t{white-space:normal;overflow-wrap:anywhere;min-width:10em}
.why td.t{min-width:0}
td small{color:var(--soft)}
.chip{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px;border:1px solid rgba(0,0,0,.35);vertical-align:-1px}
a{color:var(--accent)}
.note{color:var(--soft);font-size:13px;margin:6px 0 0}
.why .note{margin:0 0 8px}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px;color:var(--soft);align-items:center}
.legend span{display:inline-flex;align-items:center;gap:7px}
.legend svg{flex:none}
svg.chart{display:block;width:100%;height:auto;overflow:visible}
.chart text{font-size:12px;fill:var(--soft)}
.chart text.title{font-size:12.5px;font-weight:600;fill:var(--ink)}
.chart .grid{stroke:#e3e9ee;stroke-width:1;fill:none}
.chart .l-distance{stroke:#9fb2c1;stroke-width:1.4;fill:none}
.l-result{stroke:#c26200;stroke-width:2.4;fill:none}
.l-prior{stroke:#1c6fae;stroke-width:2;fill:none;stroke-dasharray:6 4}
.m-drawn{fill:#41576a;stroke:#fff;stroke-width:.8}
.m-kept{fill:#fff;stroke:#41576a;stroke-width:1.8}
.m-flagged{fill:#b3261e;stroke:#fff;stroke-width:.8}
.m-unscored{stroke:#b3261e;stroke-width:2.2;fill:none}
.chart .hit{fill:transparent}
.chart a:hover .hit,.chart a:focus .hit{fill:rgba(11,83,148,.18)}
.pick{position:absolute;opacity:0;width:1px;height:1px}
.bar{position:sticky;top:0;z-index:2;background:rgba(243,246,248,.97);border-bottom:1px solid var(--line);display:flex;flex-wrap:wrap;
gap:8px 22px;align-items:center;padding:9px 0;margin-bottom:12px;font-size:13px}
.bar .group{display:flex;flex-wrap:wrap;gap:5px;align-items:center}
.bar .group i{font-style:normal;color:var(--soft);margin-right:3px}
.bar label,.bar button{font:inherit;background:#fff;border:1px solid #b6c3ce;border-radius:14px;padding:3px 12px;cursor:pointer;color:var(--ink);
max-width:22em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bar button{border-radius:6px;display:none}
.js .bar button{display:inline-block}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;margin-bottom:9px;scroll-margin-top:64px}
.card.flagged{border-left:5px solid var(--warn)}
.card:not(.flagged){border-left:5px solid #b9c7d2}
.card summary{cursor:pointer;padding:9px 16px;display:flex;flex-wrap:wrap;gap:2px 16px;align-items:baseline;list-style:none}
.card summary::-webkit-details-marker{display:none}
.card summary::before{content:"\\25B8";color:var(--soft);width:.7em}
.card[open] summary::before{content:"\\25BE"}
.card summary .who{font-weight:650;overflow-wrap:anywhere}
.card summary .rank{color:var(--soft);min-width:2.1em}
.card summary .num{color:var(--soft)}
.card:target{box-shadow:0 0 0 3px #8fbce6}
.tag{display:inline-block;background:var(--warnbg);color:var(--warn);border:1px solid #efc1bb;border-radius:4px;font-size:12.5px;padding:0 7px;margin-right:5px}
.tag.settled{background:#e6f3e9;color:#1b5e2f;border-color:#b4d8bf}
.tag.open{background:#eef2f5;color:var(--soft);border-color:#cdd7de}
.reviewed{margin:0 0 10px;padding:6px 10px;background:#eef2f5;border-radius:4px;font-size:13.5px;overflow-wrap:anywhere}
.body{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr) minmax(250px,.8fr);gap:16px;padding:4px 16px 16px}
figure{margin:0}
.ct{border-radius:4px;overflow:hidden;line-height:0}
.ct svg{width:100%;height:auto;display:block}
.missing{background:#e9eef2;border-radius:4px;color:var(--soft);padding:28px 20px;font-size:13.5px;height:100%}
figcaption{font-size:12.5px;color:var(--soft);margin-top:5px;line-height:1.4}
figcaption b{color:var(--ink);font-weight:600}
.ct path,.ct circle{fill:none;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.ct .edge{stroke:#000;stroke-opacity:.55;stroke-width:4}
.ct .result{stroke:var(--result);stroke-width:2.2}
.ct .prior{stroke:var(--prior);stroke-width:2;stroke-dasharray:7 4.5}
.ct .truth{stroke:var(--truth);stroke-width:1.1}
.ct .positive circle{stroke:var(--good);stroke-width:2}
.ct .positive circle.edge{stroke:#000;stroke-width:4}
.ct .negative path{stroke:var(--bad);stroke-width:2}
.ct .negative path.edge{stroke:#000;stroke-width:4}
.ct .scale{stroke:#fff;stroke-width:2.4}
.ct text{fill:#f5f7f8;font-weight:600;paint-order:stroke;stroke:#000;stroke-width:2px;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.ct .positive text{fill:#a8ffc0}
.reasons{margin:0 0 10px;padding:0;list-style:none}
.reasons li{margin-bottom:4px;color:var(--warn)}
.why dl{display:grid;grid-template-columns:auto 1fr;gap:1px 12px;margin:0 0 10px;font-size:13.5px}
.why dt{color:var(--soft)}
.why dd{margin:0;text-align:right}
.why table{font-size:13px}
.why th,.why td{padding:3px 6px}
tr.chosen td{background:#fff3dd;font-weight:600}
footer{color:var(--soft);font-size:12.5px;padding:0 0 40px}
footer p{margin:0 0 6px;max-width:80em}
.win::after{content:attr(data-own)}
@media screen and (max-width:860px){.body{grid-template-columns:1fr 1fr}.why{grid-column:1/-1}}
@media screen and (max-width:560px){.body{grid-template-columns:1fr}.wrap{padding:0 12px}}
@page{margin:12mm}
@media print{body{background:#fff;zoom:.68;display:table;width:100%}.banner{display:table-header-group;break-inside:avoid}header,main{display:table-row-group}.scroll{overflow:visible}td,th{padding:5px 7px}td.t{min-width:6em}h2,h3{break-after:avoid}header{background:#fff;color:#000;padding:0;border-bottom:2px solid #000}header .top,dl.facts dt,
dl.facts small{color:#333}.bar,.pick{display:none}.card{break-inside:avoid}.panel{break-inside:avoid}main.wrap{padding:10px 0}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""

SCRIPT = """
document.documentElement.className = 'js';
const cards = Array.from(document.querySelectorAll('.card'));
const shown = () => cards.filter(card => card.offsetParent !== null);
const reveal = () => {
  const card = location.hash ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (!card) return;
  if (card.tagName !== 'DETAILS') return;
  if (card.offsetParent === null) { document.getElementById('s-all').checked = true; document.getElementById('only').checked = false; count(); }
  card.open = true;
  card.scrollIntoView();
};
const count = () => { document.getElementById('count').textContent = shown().length + ' of ' + cards.length + ' slices shown'; };
const step = way => {
  const list = shown();
  const at = list.findIndex(card => '#' + card.id === location.hash);
  const next = list[at + way] || null;
  if (next) location.hash = next.id;
};
addEventListener('hashchange', reveal);
for (const input of document.querySelectorAll('.pick')) input.addEventListener('change', count);
for (const link of document.querySelectorAll('a[href^="#c"]')) link.addEventListener('click', () => setTimeout(reveal));
document.getElementById('open').addEventListener('click', () => { for (const card of shown()) card.open = true; });
document.getElementById('close').addEventListener('click', () => { for (const card of cards) card.open = false; });
addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'j') step(1);
  if (event.key === 'k') step(-1);
});
count();
reveal();
"""


def style_sheet(structures: int) -> str:
    """The whole style sheet: the base, the windows, and the filters by structure number, which need no script."""
    rules = [CSS, "#only:checked~.cards .card:not(.flagged){display:none}"]
    pressed = "{background:#0b5394;border-color:#0b5394;color:#fff}"
    focused = "{outline:3px solid #8fbce6;outline-offset:1px}"
    for window in WINDOWS:
        rules.append(f".{window.key} image{{filter:url(#f-{window.key})}}")
    for window in WINDOWS:
        rules.append(f"#w-{window.key}:checked~.cards .ct image{{filter:url(#f-{window.key})}}")
        rules.append(f"#w-{window.key}:checked~.cards .win::after{{content:'{window.text}'}}")
    for number in range(structures):
        rules.append(f"#s-{number}:checked~.cards .card:not(.s{number}){{display:none}}")
    rules.append("#lines:checked~.cards .line,#points:checked~.cards .positive,#points:checked~.cards .negative{display:none}")
    keys = ["only", "lines", "points", "s-all", "w-own", *(f"s-{number}" for number in range(structures)), *(f"w-{window.key}" for window in WINDOWS)]
    for key in keys:
        rules.append(f"#{key}:checked~.bar label[for={key}]{pressed}#{key}:focus-visible~.bar label[for={key}]{focused}")
    return "\n".join(rules)


def window_filters() -> str:
    """SVG filters that turn the packed codes of a picture into each window's greys."""
    filters = []
    for window in WINDOWS:
        table = " ".join(f"{grey:.3f}" for grey in window.grey_of_code())
        channels = "".join(f'<feFunc{channel} type="table" tableValues="{table}"/>' for channel in "RGB")
        filters.append(
            f'<filter id="f-{window.key}" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">'
            f"<feComponentTransfer>{channels}</feComponentTransfer></filter>"
        )
    return f'<svg width="0" height="0" style="position:absolute" aria-hidden="true">{"".join(filters)}</svg>'
