"""Rules that propose, and the concluding from what was measured. Pure: no clock, no file, no Kafka."""

from .advise import Advice, advise
from .conclude import Occasion, conclude, nothing_to_measure

__all__ = ["Advice", "Occasion", "advise", "conclude", "nothing_to_measure"]
