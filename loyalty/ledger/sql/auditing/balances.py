"""
Balances: kept for the holders' accounts alone, within their bounds, and each where its postings run to.

Whether all of them run is told by :mod:`loyalty.ledger.sql.auditing.runs` in passing; which one does not, by a query
that sorts every posting and is run only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, literal_column, or_, select

from loyalty.ledger.entries import HOLDER_ACCOUNTS, PROGRAMME_ACCOUNTS
from loyalty.ledger.sql.auditing.reading import PAGE, Findings, Reader, exact_sum, owner_name
from loyalty.ledger.sql.auditing.runs import Runs
from loyalty.ledger.sql.statements import Compiler


def audit_balances(reader: Reader, runs: Runs) -> Findings:
    """Look at every account and its balances, and take the balances into *runs*."""
    findings = Findings()
    for page in reader.runner.stream(_accounts, PAGE, book=reader.book_id):
        for account_id, path, name, mode, layer, ref, asset_id, posted, version, floor, ceiling in page:
            is_holders = layer is not None
            owner = owner_name(layer, ref) if is_holders else "programme"
            known = HOLDER_ACCOUNTS if is_holders else PROGRAMME_ACCOUNTS
            if path != f"{owner}/{name}" or name not in known or mode != ("sync" if is_holders else "derived"):
                findings.add(f"account {path} is stored as {name!r} of {owner}, {mode}: it is not what was opened")
                continue
            if asset_id is None:
                continue
            asset = reader.asset(asset_id)
            if not is_holders:
                findings.add(f"{path} is kept at {posted} {asset}, but no balance of the programme's is kept")
                continue
            sign = HOLDER_ACCOUNTS[name]
            if posted * sign < 0:
                findings.add(f"{path} is kept at {posted} {asset}, beyond its bound of 0")
            if (floor, ceiling) != ((0, None) if sign > 0 else (None, 0)):
                findings.add(f"{path} is kept with floor {floor} and ceiling {ceiling} for {asset}, not with its own")
            if version < 1:
                findings.add(f"{path} is kept in version {version} of {asset}, which no posting made")
            runs.end(account_id, asset_id, posted, version)
    return findings


def find_broken_runs(reader: Reader) -> Iterator[str]:
    """Say which balances are not where their postings run to, and which postings do not run."""
    runner, book = reader.runner, reader.book_id
    for path, asset, posted, version, total, count in runner.plain(_wrong_balances, book=book):
        if posted != total:
            if posted is None:
                yield f"{path} is kept at 0 {asset}, but its postings sum to {int(total)}"
            else:
                yield f"{path} is kept at {posted} {asset}, but its postings sum to {int(total or 0)}"
        if version is not None and version != count:
            yield f"{path} is kept in version {version} of {asset}, but has {count or 0} postings"
    for entry_id, seq, path, asset, balance_after, version, run, place in runner.plain(_wrong_runs, book=book):
        yield (
            f"posting {seq} of entry {reader.entry_name(entry_id)} says that {path} stood at {balance_after} {asset} "
            f"(version {version}), but its postings run to {int(run)} (version {place})"
        )


def _accounts(compiler: Compiler) -> Select[Any]:
    account, balance, holder = compiler.schema.account, compiler.schema.balance, compiler.schema.holder
    return (
        select(
            account.c.id, account.c.path, account.c.name, account.c.balance_mode, holder.c.layer, holder.c.ref,
            balance.c.asset_id, balance.c.posted, balance.c.version, balance.c.floor, balance.c.ceiling,
        )
        .select_from(account)
        .outerjoin(holder, holder.c.id == account.c.holder_id)
        .outerjoin(balance, balance.c.account_id == account.c.id)
        .where(account.c.book_id == bindparam("book"))
    )  # fmt: skip


def _wrong_balances(compiler: Compiler) -> Select[Any]:
    account, asset = compiler.schema.account, compiler.schema.asset
    balance, posting = compiler.schema.balance, compiler.schema.posting
    sums = (
        select(
            posting.c.account_id,
            posting.c.asset_id,
            exact_sum(compiler, posting.c.amount).label("total"),
            func.count().label("postings"),
        )
        .join(account, account.c.id == posting.c.account_id)
        .where(account.c.book_id == bindparam("book"), account.c.holder_id.is_not(None))
        .group_by(posting.c.account_id, posting.c.asset_id)
        .cte("sums")
    )
    kept = (
        select(balance.c.account_id, balance.c.asset_id)
        .join(account, account.c.id == balance.c.account_id)
        .where(account.c.book_id == bindparam("book"), account.c.holder_id.is_not(None))
    )
    both = kept.union(select(sums.c.account_id, sums.c.asset_id)).subquery("both_sides")
    of_balance = and_(balance.c.account_id == both.c.account_id, balance.c.asset_id == both.c.asset_id)
    of_sums = and_(sums.c.account_id == both.c.account_id, sums.c.asset_id == both.c.asset_id)
    return (
        select(account.c.path, asset.c.name, balance.c.posted, balance.c.version, sums.c.total, sums.c.postings)
        .select_from(both)
        .join(account, account.c.id == both.c.account_id)
        .join(asset, asset.c.id == both.c.asset_id)
        .outerjoin(balance, of_balance)
        .outerjoin(sums, of_sums)
        .where(
            or_(
                balance.c.posted.is_distinct_from(sums.c.total),
                balance.c.version.is_distinct_from(sums.c.postings),
            )
        )
        .order_by(account.c.path, asset.c.name)
    )


def _wrong_runs(compiler: Compiler) -> Select[Any]:
    account, asset, posting = compiler.schema.account, compiler.schema.asset, compiler.schema.posting
    order: dict[str, Any] = {
        "partition_by": (posting.c.account_id, posting.c.asset_id),
        # Two of one version cannot be; those without any come in order of posting.
        "order_by": (posting.c.version, posting.c.entry_id, posting.c.seq),
    }
    ran = (
        select(
            posting.c.entry_id,
            posting.c.seq,
            account.c.path,
            asset.c.name,
            posting.c.balance_after,
            posting.c.version,
            exact_sum(compiler, posting.c.amount, rows=(None, 0), **order).label("run"),
            func.row_number().over(**order).label("place"),
        )
        .select_from(posting)
        .join(account, account.c.id == posting.c.account_id)
        .join(asset, asset.c.id == posting.c.asset_id)
        .where(account.c.book_id == bindparam("book"), account.c.holder_id.is_not(None))
        .subquery("ran")
    )
    return (
        select(ran)
        .where(or_(ran.c.balance_after.is_distinct_from(ran.c.run), ran.c.version.is_distinct_from(ran.c.place)))
        .order_by(ran.c.entry_id, ran.c.seq)
        .limit(literal_column("500"))
    )
