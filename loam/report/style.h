// The report page's style sheet: one column of text, wide figures, light and dark by the reader's own setting.
#pragma once

namespace loam {

inline constexpr const char* kReportStyle = R"css(
:root{--paper:#fcfbf8;--card:#fff;--ink:#1d2126;--soft:#5d6670;--line:#e2dfd7;--accent:#1f5f8b;--c1:#1f5f8b;--c2:#c2571a;--c3:#3f7d3a;--c4:#7a4b94;--c5:#a8842c;--c6:#5d6670;--shade:31,95,139;--code:#f3f1eb}
@media(prefers-color-scheme:dark){:root{--paper:#15181c;--card:#1c2026;--ink:#e4e3de;--soft:#9aa3ad;--line:#30363e;--accent:#7cb8e0;--c1:#7cb8e0;--c2:#ee9a62;--c3:#8fc784;--c4:#c19ad8;--c5:#dcc06a;--c6:#9aa3ad;--shade:124,184,224;--code:#23282f;color-scheme:dark}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;font-variant-numeric:lining-nums}
main,header,footer{max-width:66rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:3.5rem}
h1,h2{font-family:Charter,"Bitstream Charter","Iowan Old Style","Palatino Linotype",Palatino,"Noto Serif","Liberation Serif",Georgia,serif;font-weight:600;line-height:1.2;text-wrap:balance}
h1{font-size:2.5rem;letter-spacing:-.01em;margin:0 0 .6rem}
h2{font-size:1.6rem;margin:0 0 .9rem}
.about{font-size:1.12rem;color:var(--soft);max-width:44rem;margin:0}
nav{margin:1.8rem 0 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line);padding:.55rem 0}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.4rem;margin:0;padding:0;font-size:.92rem}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.18em}
nav a{text-decoration:none}a:hover{text-decoration:underline}
a:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
section{padding:2.6rem 0 .4rem}
p{max-width:44rem;margin:0 0 1rem}
.note{font-size:.9rem;color:var(--soft)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1px;background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0 0 1.4rem}
.facts div{background:var(--card);padding:.95rem 1.1rem;margin:0}
.facts dt{font-size:.85rem;color:var(--soft)}
.facts dd{margin:0;font-size:1.65rem;font-weight:600;line-height:1.25;letter-spacing:-.01em;font-variant-numeric:tabular-nums lining-nums}
.facts .detail{font-size:.82rem;font-weight:400;color:var(--soft);letter-spacing:0;line-height:1.4;margin-top:.15rem}
.scroll{overflow-x:auto;margin:0 0 1.4rem}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums lining-nums;min-width:min(100%,26rem)}
caption{text-align:left;font-size:.9rem;color:var(--soft);padding:0 0 .5rem;max-width:min(44rem,calc(100vw - 2rem))}
th,td{padding:.42rem .9rem .42rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:.3rem}
thead th{font-weight:600;font-size:.83rem;color:var(--soft);border-bottom:1.5px solid var(--soft);vertical-align:bottom}
tbody th{font-weight:500}
.n{text-align:right;white-space:nowrap}
.long{min-width:9rem}td.long+.long,td.long:last-child{min-width:14rem}
td code{display:inline-block;min-width:33ch}
.even{table-layout:fixed;width:100%;min-width:44rem}.even td,.even th{overflow-wrap:anywhere}
td.shaded{text-align:center;padding:.5rem .9rem;border:1px solid var(--paper)}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:.86em}
code{overflow-wrap:anywhere}
.commands{white-space:pre-wrap;overflow-wrap:anywhere}.commands span{display:inline-block;padding-left:2ch;text-indent:-2ch}
pre{background:var(--code);border-radius:8px;padding:.8rem 1rem;overflow-x:auto;margin:0 0 1.4rem;line-height:1.5}
figure{margin:0 0 1.6rem}
figcaption{font-size:.9rem;color:var(--soft);max-width:44rem;margin-top:.5rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:0 2rem}
svg{display:block;width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
svg text{fill:var(--ink)}
svg.chart{max-width:40rem;font-variant-numeric:tabular-nums}
.axis line{stroke:var(--line)}.axis text{fill:var(--soft)}.axis .label{font-size:12.5px}
polyline{fill:none;stroke-width:2;stroke-linejoin:round}
.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}
polyline{stroke:var(--c)}circle,.chart rect{fill:var(--c)}.faint{opacity:.28;stroke-width:1}
.bar{stroke:var(--c);stroke-width:6;stroke-linecap:round;opacity:.35}
.chance{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:3 2}.diagonal{stroke:var(--soft);stroke-dasharray:4 4}.bubble{opacity:.75}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.3rem 0 0;padding:0;font-size:.88rem}
.key{display:inline-block;width:.95em;height:.28em;border-radius:2px;background:var(--c);vertical-align:middle;margin-right:.45em}
.flow .box rect{fill:var(--card);stroke:var(--line);stroke-width:1.2}
.flow a:hover rect,.flow a:focus rect{stroke:var(--accent)}
.flow .kind{font-size:10.5px;fill:var(--soft);letter-spacing:.05em}
.flow .name{font-size:14px;font-weight:600}.flow .fact{font-size:11px;fill:var(--soft)}
.flow .edge{fill:none;stroke:var(--soft);stroke-width:1.3}.flow marker path{fill:var(--soft)}
.k-model rect{stroke:var(--accent)!important}
.samples{display:grid;gap:.8rem;margin:0 0 1.5rem;padding:0}
.sample{background:var(--card);border:1px solid var(--line);border-left:3px solid var(--c1);border-radius:0 8px 8px 0;padding:.7rem 1rem;margin:0;max-width:50rem}
.sample figcaption{margin:0 0 .25rem;font-size:.83rem}
.sample blockquote{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}
.sample .prompt{color:var(--soft)}
:target{background:rgba(var(--shade),.14)}
footer{font-size:.86rem;color:var(--soft);border-top:1px solid var(--line);margin-top:3rem;padding-top:1rem;padding-bottom:3rem}
@media(max-width:40rem){body{font-size:15px}svg.chart,.axis .label{font-size:14px}h1{font-size:1.95rem}main,header,footer{padding-left:1rem;padding-right:1rem}header{padding-top:2rem}}
@media print{:root{--paper:#fff;--card:#fff}nav{display:none}section{break-inside:avoid-page}.scroll{overflow:visible}}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
)css";

}  // namespace loam
