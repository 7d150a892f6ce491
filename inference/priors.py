"""How much a rule's promise is worth in the order of trying, by what came of it before: Beta-Binomial in two levels.

Of what a rule suggested, part was of use. Of the rule over all other products that part is Beta(1, 1), which knows
nothing, updated by their outcomes. Its mean m is where a product begins: Beta(STRENGTH m, STRENGTH (1 - m)), updated by
the product's own outcomes. The promise counts by the posterior mean over 1/2, between 0 and 2; without any outcome by
1, so that nothing moves. Source: Gelman et al., Bayesian Data Analysis, 3rd edition, 2013, sections 2.4 (the update)
and 5.1 to 5.3 (the hierarchy, here with the upper level at its mean instead of integrated over).

Outcomes have weights, as a fraction of an observation each (a power prior: Ibrahim and Chen, Statistical Science 15
(2000)), since they do not say the same:
- a verdict counts whole: it was measured in production, on the promise itself. What is confirmed but below its promise
  counts half for and half against;
- a rejection counts half: it may be about one table, and says nothing of the gain. One whose reason was read as about
  the moment (not now, done already, what it is for goes away, others have to decide) says nothing of the rule, and
  counts nothing; all others, and what was not read, count alike;
- a score counts half, an opinion: 5 wholly for, 1 wholly against, in between in proportion.
An inconclusive verdict says nothing, and counts nothing.
"""

from collections.abc import Iterable

from schemas.records import Experience

STRENGTH = 4.0
"""Outcomes of its own after which a product's weigh as much as all of the others'."""
REJECTION = 0.5
BESIDE_THE_RULE = frozenset({"timing", "done", "obsolete", "ownership"})
"""Classes of reason (`inference.language.reading`)."""
SCORE = 0.5
BEST, WORST = 5, 1


def factors(experience: Iterable[Experience]) -> dict[str, float]:
    """By rule; of a rule that is not named it is 1."""
    here: dict[str, tuple[float, float]] = {}
    elsewhere: dict[str, tuple[float, float]] = {}
    for one in experience:
        (here if one.here else elsewhere)[one.rule] = _counts(one)
    return {rule: _factor(here.get(rule, (0, 0)), elsewhere.get(rule, (0, 0))) for rule in {**here, **elsewhere}}


def _factor(here: tuple[float, float], elsewhere: tuple[float, float]) -> float:
    mean = (1 + elsewhere[0]) / (2 + sum(elsewhere))
    return 2 * (STRENGTH * mean + here[0]) / (STRENGTH + sum(here))


def _counts(one: Experience) -> tuple[float, float]:
    """For and against."""
    rejected = one.rejected - sum(count for reason, count in one.reasons.items() if reason in BESIDE_THE_RULE)
    liked = SCORE * (one.score_sum - WORST * one.scored) / (BEST - WORST)
    return (
        one.kept + one.short / 2 + liked,
        one.worse + one.short / 2 + REJECTION * rejected + SCORE * one.scored - liked,
    )
