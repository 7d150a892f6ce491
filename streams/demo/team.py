"""The demo's people and services: their keys, and the policy by which they may let changes be done."""

import json
from dataclasses import dataclass
from pathlib import Path

from schemas.actions import KINDS
from streams.access.signing import SigningKey, create

POLICY = """
version = 1

[issuers.people]
jwks = "people.json"

[issuers.services]
jwks = "services.json"

[approvers.alice]
identities = ["people|alice"]
roles = ["owner"]

[approvers.release]
identities = ["services|release"]
roles = ["owner"]

[classes.all]
actions = {actions}
roles = ["owner"]
build_s = 120
extra_bytes = 2_000_000_000
peak_bytes = 4_000_000_000
"""


@dataclass(frozen=True, slots=True)
class Team:
    """Alice is a person with a key of her own in `person`; `service` signs what it sends to Kafka itself."""

    folder: Path
    person: Path
    service: SigningKey

    @classmethod
    def of(cls, folder: Path) -> "Team":
        """Writes it all to the folder."""
        folder.mkdir(mode=0o700)
        alice = create(folder / "alice.json", "people", "alice")
        release = create(folder / "release.json", "services", "release")
        control = create(folder / "control.json", "sidecar", "control")
        for name, key in (("people", alice), ("services", release), ("orders", control)):
            (folder / f"{name}.json").write_text(json.dumps({"keys": [key.public]}))
        kinds = sorted({kind for kind, _ in KINDS})
        (folder / "policy.toml").write_text(POLICY.format(actions=json.dumps(kinds)))
        return cls(folder, folder / "alice.json", release)

    @property
    def of_sidecar(self) -> dict[str, str]:
        return {
            "SIDECAR_POLICY": str(self.folder / "policy.toml"),
            "SIDECAR_OPERATION_KEY": str(self.folder / "control.json"),
        }

    @property
    def of_product(self) -> dict[str, str]:
        return {"DUCKDB_SIDECAR_OPERATION_KEYS": str(self.folder / "orders.json")}
