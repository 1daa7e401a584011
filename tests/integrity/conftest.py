"""How hard properties are tried: some cases in `make test`, thousands in `make test-all`."""

from __future__ import annotations

import os

from hypothesis import Phase, settings

settings.register_profile("bounded", max_examples=150, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
# Where many broken versions of the code are told apart: few cases, and always the same ones.
settings.register_profile(
    "steady", max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("PROPERTIES", "bounded"))
