"""The one form of a model as bytes, for what is hashed, signed or compared."""

import json

from pydantic import BaseModel


def canonical(model: BaseModel) -> bytes:
    """JSON with sorted keys and no spaces."""
    values = model.model_dump(mode="json")
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
