"""The report's style sheet."""

CSS = """
:root{--ink:#23272e;--faint:#e3e6eb;--soft:#6b7380;--blue:#3f7fb5;--red:#c9334a;--green:#3f8f5b}
*{box-sizing:border-box}
body{margin:0;background:#f5f6f8;color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;margin:.4rem 0 1rem}
h2{font-size:1.1rem;margin:0 0 .6rem}
h3{font-size:1rem;margin:0 0 .3rem;overflow-wrap:anywhere}
p{margin:.3rem 0}
a{color:var(--blue)}
section{background:#fff;border:1px solid var(--faint);border-radius:8px;padding:.9rem;
margin:0 0 1rem}
.failed{border-color:var(--red)}.failed h2{color:var(--red)}
.failed ul{margin:0;padding-left:1.1rem;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin-bottom:1rem}
.tiles div{flex:1 1 7rem;background:#fff;border:1px solid var(--faint);border-radius:8px;
padding:.5rem .7rem;font-size:.85rem;color:var(--soft)}
.tiles b{display:block;font-size:1.25rem;color:var(--ink)}
.note,small{color:var(--soft);font-size:.8rem}
small{display:block;line-height:1.3;overflow-wrap:anywhere}
code{font-size:.92em;color:var(--ink);opacity:.75}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.35rem .5rem;border-top:1px solid var(--faint);
font-weight:normal}
thead th{border-top:0;color:var(--soft);font-size:.8rem}
.metrics{table-layout:fixed}
.metrics th:nth-child(1){width:40%}.metrics th:nth-child(2){width:34%}
.metrics td:first-child{overflow-wrap:anywhere}
.metrics td:last-child{font-size:.85rem}
.group th{font-weight:600;background:#f0f3f7}
.value{font-weight:600}.ci{color:var(--soft);white-space:nowrap;font-size:.85rem}
.way{color:var(--soft)}
.bar{position:relative;height:10px;margin-top:.25rem;background:#f0f2f5;border-radius:3px}
.bar i{position:absolute;display:block}
.bar .fill{top:0;bottom:0;background:var(--blue);opacity:.65;border-radius:2px}
.bar .range{top:4px;height:2px;background:var(--ink)}
.bar .zero{top:0;bottom:0;width:1px;background:#9aa3af}
.bar .dot{top:1px;width:8px;height:8px;margin-left:-4px;border-radius:50%;background:var(--blue)}
.scale{display:flex;align-items:center;gap:.35rem;font-size:.68rem;color:var(--soft)}
.scale .bar{flex:1}
.bar .floor,.bar .real{top:-2px;bottom:-2px;width:3px;margin-left:-1px;border-radius:1px}
i.floor{background:#8a5a00}i.real{background:var(--green)}
.note i.floor,.note i.real{display:inline-block;width:3px;height:.8em;vertical-align:-.1em}
.radar{display:block;width:100%;max-width:34rem;height:auto;margin:0 auto}
.side td:not(:first-child),.side thead th:not(:first-child){min-width:7.5rem}
.side td:first-child{min-width:11rem;overflow-wrap:anywhere}
.side .best{background:#e9f5ed}.best .value::after{content:" ★";color:var(--green)}
.pairs td{font-size:.85rem}.pairs td:nth-child(3){width:26%}
.pairs .sure{font-weight:600}
summary h2{display:inline;margin:0}summary{cursor:pointer}
.scroll{overflow-x:auto}
.clips{font-size:.85rem;font-variant-numeric:tabular-nums}
.clips td{text-align:right}.clips thead th:not(:first-child){text-align:right}
.clips tbody th{overflow-wrap:anywhere;min-width:11rem}
.confusion{width:auto;font-size:.85rem}.confusion td{text-align:center;min-width:2.6rem}
.confusion .hit{outline:2px solid var(--green);outline-offset:-2px}
.reasons td{overflow-wrap:anywhere;font-size:.9rem}
.sheet{display:flex;flex-wrap:wrap;gap:4px;margin:.5rem 0}
.sheet figure{margin:0;width:112px}
.sheet img{display:block;width:112px;height:112px;border-radius:4px;border:3px solid transparent}
.sheet.columns{display:grid;grid-template-columns:repeat(8,minmax(0,1fr))}
.sheet.columns figure{width:auto}.sheet.columns img{width:100%;height:auto}
.sheet .bad img{border-color:var(--red)}
.sheet figcaption{font-size:.7rem;line-height:1.2;color:var(--soft);padding:1px 3px}
.sheet .bad figcaption{color:var(--red)}
.sheet :target img{outline:3px solid var(--blue)}
.pictures{display:flex;flex-wrap:wrap;align-items:center;justify-content:center;gap:.5rem}
.pictures img{display:block;height:auto;min-width:0}
.curves{flex:54 1 20rem;max-width:34rem;width:100%}.circumplex{flex:38 1 15rem;max-width:23rem}
@media (max-width:34rem){main{padding:.5rem}section{padding:.6rem}
.sheet figure,.sheet img{width:74px}.sheet img{height:74px}
td,th{padding:.3rem .3rem}.ci{white-space:normal}
.metrics th:nth-child(1){width:38%}.metrics th:nth-child(2){width:32%}}
"""
