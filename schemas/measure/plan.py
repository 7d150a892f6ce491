"""A candidate's actions, by where they act and by what they promise."""

from dataclasses import dataclass

from ..actions import (
    Body,
    ChangeType,
    ConvertFile,
    CreateIndex,
    DropColumn,
    DropIndex,
    DropTable,
    RenameColumn,
    RenameTable,
    Rewrite,
    unpack,
)
from ..records import Candidate
from .equality import DIFFERENT, OTHER_TYPE, UNKNOWN
from .verdict import DIFFERENT_RESULTS, INCONCLUSIVE

DROPS = (DropIndex, DropColumn, DropTable, RenameColumn, RenameTable)


@dataclass(frozen=True, slots=True)
class Plan:
    candidate: Candidate
    bodies: tuple[Body, ...]

    @classmethod
    def of(cls, candidate: Candidate) -> "Plan":
        """Raises ActionError."""
        return cls(candidate, tuple(unpack(action) for action in candidate.actions))

    @property
    def in_database(self) -> list[Body]:
        return [body for body in self.bodies if not isinstance(body, Rewrite | ConvertFile)]

    @property
    def rewrites(self) -> dict[str, str]:
        return {body.fingerprint: body.statement for body in self.bodies if isinstance(body, Rewrite)}

    @property
    def conversions(self) -> list[ConvertFile]:
        return [body for body in self.bodies if isinstance(body, ConvertFile)]

    @property
    def only_drops(self) -> bool:
        """Such a change pays in space and writes; of the queries it is enough that none loses."""
        return all(isinstance(body, DROPS) for body in self.bodies)

    @property
    def by_index(self) -> bool:
        return any(isinstance(body, CreateIndex | DropIndex) for body in self.bodies)

    @property
    def changes_type(self) -> bool:
        return any(isinstance(body, ChangeType) for body in self.bodies)

    def unequal(self, equal: dict[str, str]) -> tuple[str, str] | None:
        """The verdict on results, by fingerprint, that are not what they were, with its reason."""
        for fingerprint, found in equal.items():
            if found == DIFFERENT:
                return DIFFERENT_RESULTS, f"a query returns something else ({fingerprint})"
            if found == OTHER_TYPE and not self.changes_type:
                return DIFFERENT_RESULTS, f"a query returns the same values in another type ({fingerprint})"
            if found == UNKNOWN and fingerprint in self.rewrites:
                return (
                    INCONCLUSIVE,
                    f"SQL leaves open what a rewritten query returns ({fingerprint}): it cannot be compared",
                )
        return None
