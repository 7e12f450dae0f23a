"""In goes a test that takes ``wire``, out come a run of it for each build."""

from __future__ import annotations

import pytest

from wire.builds import Wire, builds


# Of the session: hypothesis draws many examples for one run of a test.
@pytest.fixture(scope="session", params=builds(), ids=lambda build: build.name)
def wire(request: pytest.FixtureRequest) -> Wire:
    """One build of the wire."""
    build: Wire = request.param
    return build
