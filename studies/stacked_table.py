"""All rows of Lin et al. 2018, table 3: modes by the pack and by the size of the discriminator.

bench run --study stacked_table                      stacked digits, no download
bench run --study stacked_table --tier published     eight arms, 500,000 steps each
"""

from itertools import pairwise

from bench.plan import Arm, Planned, load_study

STACKED = load_study("stacked")
# Modes of 1,000 and KL of their histogram, each with its standard error over 50 trials, and the pack.
TABLE = {
    "gan": ((78.5, 17.56), (5.21, 0.19), 1),
    "pac2": ((484.5, 32.99), (2.61, 0.22), 2),
    "pac3": ((601.3, 32.18), (2.00, 0.17), 3),
    "pac4": ((667.4, 29.00), (1.81, 0.15), 4),
    "half": ((487.7, 34.59), (2.24, 0.15), 1),
    "half_pac2": ((840.7, 15.92), (1.00, 0.05), 2),
    "half_pac3": ((866.6, 12.10), (0.90, 0.04), 3),
    "half_pac4": ((820.2, 25.50), (1.15, 0.14), 4),
}
FIRST = [each for each in STACKED.published if each.arm == "gan"]

STUDY = STACKED.model_copy(
    update={
        "name": "stacked_table",
        "question": "How do the pack and the size of the discriminator change how many of 1,000 modes a GAN covers?",
        "arms": (
            Arm(name="gan", model="gan_stacks"),
            *(Arm(name=name, model=f"gan_stacks:{name}") for name in [*TABLE][1:]),
        ),
        "comparisons": tuple(
            Planned(a=a, b=b, measure="covered", better="higher")
            for names in ([*TABLE][:4], [*TABLE][4:], ["gan", "half"])
            for a, b in pairwise(names)
        ),
        "published": tuple(
            one.model_copy(
                update={
                    "arm": arm,
                    "value": value,
                    "spread": error,
                    "within": 2 * error,
                    "images": (FIRST[0].images or 0) * pack,
                }
            )
            for arm, (*numbers, pack) in TABLE.items()
            for one, (value, error) in zip(FIRST, numbers, strict=True)
        ),
        "tiers": {
            name: tier.model_copy(
                update={"takes": f"four times {tier.takes}" if tier.takes else ""}
            )
            for name, tier in STACKED.tiers.items()
        },
    }
)
