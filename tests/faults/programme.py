"""The programme of the engine's scenes, with points that may change hands."""

from __future__ import annotations

from loyalty import loads
from tests.engine.scenes import SCENES

PROGRAMME = loads(SCENES.replace("{after: 6 months}}", "{after: 6 months}, transfer: anyone, returns: reissue}"))
assert PROGRAMME.currencies["points"].transfer is not None
