"""Rules that propose, and the concluding from what was measured. Pure: no clock, no file, no Kafka."""

from .concluding import Occasion, conclude, nothing_to_measure
from .explaining import Explanation, explain
from .proposing import Advice, Proposal, advise, choose, propose

__all__ = [
    "Advice",
    "Explanation",
    "Occasion",
    "Proposal",
    "advise",
    "choose",
    "conclude",
    "explain",
    "nothing_to_measure",
    "propose",
]
