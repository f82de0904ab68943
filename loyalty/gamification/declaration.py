"""What badges declare. A badge is held as one unit of its own asset, so that the ledger answers for it too."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.tiers.declaration import Needs


@frozen(kw_only=True)
class Badge:
    """
    A recognition that a holder gets once, after the event at which its needs are met, and keeps.

    A refund may revoke it, where its policy says so; then it can be earned again.

    Args:
        give: Fixed amounts by currency, minor units, that come with the badge; available at once.
    """

    name: str
    layer: Layer
    needs: Needs
    give: Mapping[str, int] = {}
    place: Place = field(eq=False, factory=Place)
