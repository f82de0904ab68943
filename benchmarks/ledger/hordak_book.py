"""
django-hordak's side: transactions and legs made with its models and written by ``bulk_create``.

hordak keeps no balances, keys, lots or digests: an account's balance is the sum of its legs. The database sees that the
legs of a transaction sum to zero. The objects are made while the clock runs, as those of our side are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL

from benchmarks.ledger.sides import Totals
from benchmarks.ledger.workload import ACCOUNTS, Award, batches

_CURRENCY = "EUR"


class HordakBook:
    """
    hordak in an empty database; one in a process, since Django is set up once.

    Args:
        url: Where the database is.
    """

    def __init__(self, url: URL) -> None:
        _set_up(url)
        from hordak.models import Account, AccountType

        # Roots, so that an account stands in a tree of its own and none is moved by the next one.
        made = Account.objects.bulk_create(
            Account(
                name=f"account-{number}",
                type=AccountType.liability,
                currencies=[_CURRENCY],
                tree_id=number + 1,
                lft=1,
                rght=2,
                level=0,
            )
            for number in range(ACCOUNTS + 1)
        )
        self._ids = [account.pk for account in made]

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:
        """Give the call that posts some awards."""
        from django.db.transaction import atomic
        from hordak.models import Leg, Transaction
        from moneyed import Money

        ids, parts = self._ids, batches(awards, per_commit)

        def post() -> None:
            for part in parts:
                with atomic():
                    transactions = Transaction.objects.bulk_create(
                        Transaction(description=f"/D-{award.number}", timestamp=_time(award), date=_time(award).date())
                        for award in part
                    )
                    legs = []
                    for award, transaction in zip(part, transactions, strict=True):
                        amount = Money(award.amount, _CURRENCY)
                        legs.append(Leg(transaction=transaction, account_id=ids[0], debit=amount))
                        legs.append(Leg(transaction=transaction, account_id=ids[award.account], credit=amount))
                    Leg.objects.bulk_create(legs)

        return post

    def totals(self) -> Totals:
        """Say what was written."""
        from django.db.models import Sum
        from hordak.models import Leg, Transaction

        numbers = {pk: number for number, pk in enumerate(self._ids)}
        sums = Leg.objects.filter(credit__isnull=False).order_by().values("account_id").annotate(total=Sum("credit"))
        balances = {numbers[row["account_id"]]: int(row["total"]) for row in sums}
        return Totals(Transaction.objects.count(), Leg.objects.count(), balances)

    def close(self) -> None:
        """Give the connection back."""
        from django.db import connection

        connection.close()


def _time(award: Award) -> datetime:
    return datetime.fromtimestamp(award.at // 1_000_000, UTC)


def _set_up(url: URL) -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command

    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "HOST": url.host or url.query.get("host", ""),
        "PORT": str(url.port or ""),
    }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    call_command("migrate", verbosity=0)
