"""Each level of the x factor against the one before it, seed by seed, and what seeds share."""

from __future__ import annotations

from bench.report.sections import section
from bench.results.blocks import FamilyBlocks, family_blocks
from bench.results.decisions import ALPHA
from bench.results.format import bare_p, code, effect, p_value, plural, prose, significant, table
from bench.results.results import Results


@section("Steps, seed by seed", after="Trends", level=3)
def steps(results: Results) -> str:
    """Each level of x against the one before; empty without three seeds that two levels share."""
    found = family_blocks(results)
    if not found:
        return ""
    x = prose(results.x_name)
    header = ["family", f"from {x} to {x}", "the test distance [interval]", "p (Holm)", "seeds"]
    rows = [
        [code(one.arm), f"{s.before} to {s.after}", effect(s.difference), bare_p(s.p), str(s.seeds)]
        for one in found
        for s in one.steps
    ]
    said = "\n".join(f"- {text}" for one in found if (text := _shared(one)))
    note = (
        "Runs of a family that share their seed share the order of images, and as far as their networks "
        f"are alike their start: they are blocks. So each {x} is held against the one before seed by "
        "seed, by Student's paired test; × stands for the ratio. p is Holm-corrected over the steps of a "
        "family, each interval at the level of its step of that correction."
    )
    return "\n\n".join(filter(None, [said, table(header, rows, left=2), note]))


def _shared(one: FamilyBlocks) -> str:
    """What the seeds of a family share, and what it is worth to know it."""
    e = one.effect
    if e is None:
        return ""
    told = f"{code(one.arm)}: {100 * e.share:.0f} % of the variance within cells is its seeds' own"
    where = f"({p_value(e.p)}, {plural(e.cells, 'cell')} of {plural(e.seeds, 'seed')})"
    if e.p >= ALPHA:
        return f"{told}, which these runs do not tell from none {where}."
    worth = significant(1 / (1 - e.share), 2)
    return f"{told} {where}: unpaired, a comparison of two cells would need about {worth} times as many seeds."
