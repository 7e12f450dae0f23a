"""Out come the programs that judge: AsyncAPI's own parser, a JSON Schema validator, and tsc."""

from __future__ import annotations

import pytest

from node_packages import NEEDS_NODE, has_node
from schema.judges import Judges


@pytest.fixture(scope="session")
def judges(pytestconfig: pytest.Config) -> Judges:
    if not has_node():
        pytest.skip(NEEDS_NODE)
    return Judges.installed_in(pytestconfig.cache.mkdir("node-schema"))
