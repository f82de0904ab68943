"""The CRM pipeline, settled by the command line, against two programs that share nothing with it."""

from __future__ import annotations

import csv
from calendar import monthrange
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from loyalty import Holder, load
from loyalty.cli.main import main
from loyalty.core.calendar import parse_day
from loyalty.sources import load_mapping, read_events
from tests.auditor import audit

ROOT = Path(__file__).parents[2]
CRM = ROOT / "examples" / "crm_sales"
PIPELINE = ROOT.parent / "shared" / "data" / "crm-sales" / "sales_pipeline.csv"

pytestmark = pytest.mark.skipif(
    not PIPELINE.exists(), reason=f"the CRM data is not kept here; it belongs at {PIPELINE}"
)

#: The last days of the months in which deals were won.
MONTH_ENDS = [f"2017-{month:02}-{monthrange(2017, month)[1]}" for month in range(3, 13)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one backtest wrote."""
    return _backtest(tmp_path_factory.mktemp("crm") / "out")


@pytest.fixture(scope="module")
def journal(out: Path) -> list[dict[str, str]]:
    """The postings of the journal, as text."""
    with (out / "journal.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_twice_gives_identical_bytes(out: Path, tmp_path: Path) -> None:
    """A second run of the same command writes the same bytes into each file."""
    again = _backtest(tmp_path / "again")
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert "report.html" in names
    for name in names:
        assert (out / name).read_bytes() == (again / name).read_bytes(), name


def test_each_entry_balances(journal: list[dict[str, str]]) -> None:
    """The legs of each entry sum to 0 in each asset, in the decimals that the journal shows."""
    sums: Counter[tuple[str, str]] = Counter()
    for leg in journal:
        sums[leg["entry"], leg["asset"]] += _minor(leg)
    assert len({entry for entry, _ in sums}) > 4238
    assert not {key: amount for key, amount in sums.items() if amount}


def test_base_rule_by_an_independent_script(journal: list[dict[str, str]]) -> None:
    """Ten lines over the raw file give what the journal says the base rule issued, and for how many deals."""
    total = deals = 0
    with PIPELINE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["deal_stage"] == "Won":
                total += int(row["close_value"]) // 10
                deals += 1
    paid = [leg for leg in journal if leg["rule"] == "deal-base" and leg["asset"] == "points" and _minor(leg) > 0]
    assert deals == 4238
    assert sum(_minor(leg) for leg in paid) == total
    assert {leg["account"].partition(":")[0] for leg in paid} == {"partner"}


def test_each_balance_at_each_month_end_by_the_auditor(journal: list[dict[str, str]]) -> None:
    """The slow auditor's balance of each holder, account and asset at each month's end is that of the journal."""
    programme = load(CRM / "programme.yaml")
    events = read_events(PIPELINE, programme, load_mapping(CRM / "mapping.yaml", programme)).events
    slow = audit(programme, events, until_day=parse_day(MONTH_ENDS[-1]))
    by_day: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    zone = ZoneInfo("America/New_York")
    for leg in journal:
        at = datetime.fromisoformat(leg["effective_at"].replace("Z", "+00:00")).replace(tzinfo=UTC).astimezone(zone)
        by_day[at.date().isoformat()][leg["account"], leg["asset"]] += _minor(leg)
    known = sorted({key for moved in by_day.values() for key in moved if not key[0].startswith("programme/")})
    holders = {account.rpartition("/")[0] for account, _ in known}
    assert len([holder for holder in holders if holder.startswith("partner:")]) == 85
    assert len([holder for holder in holders if holder.startswith("person:")]) == 30
    compared = 0
    for end in MONTH_ENDS:
        balances: Counter[tuple[str, str]] = Counter()
        for day, moved in by_day.items():
            if day <= end:
                balances.update(moved)
        for account, asset in known:
            owner, _, name = account.rpartition("/")
            expected = slow.balance(Holder.parse(owner), name, asset, at_end_of_day=parse_day(end))
            assert balances[account, asset] == expected, (account, asset, end)
            compared += 1
    assert compared == len(known) * 10


def test_caps_tiers_and_multipliers_bind(journal: list[dict[str, str]]) -> None:
    """The monthly cap fills up for partners, tiers are won and lost, and multiplied awards exceed the plain rate."""
    accelerated: Counter[tuple[str, str]] = Counter()
    won, lost = 0, 0
    for leg in journal:
        if leg["rule"] == "accelerator" and _minor(leg) > 0:
            accelerated[leg["account"], leg["effective_at"][:7]] += _minor(leg)
        if leg["asset"].startswith("tier.") and leg["account"].startswith("partner:"):
            won += _minor(leg) > 0
            lost += _minor(leg) < 0
    assert max(accelerated.values()) == 1500
    assert sum(points == 1500 for points in accelerated.values()) > 50
    assert won > 85
    assert lost > 0
    gold = [leg for leg in journal if leg["rule"] == "accelerator" and "partner:" in leg["account"]]
    by_cause = {leg["leg_cause"]: _minor(leg) for leg in gold}
    with PIPELINE.open(newline="", encoding="utf-8") as file:
        plain = {f"crm/{row['opportunity_id']}": int(row["close_value"] or 0) // 20 for row in csv.DictReader(file)}
    assert sum(by_cause[cause] > plain[cause] for cause in by_cause) > 500


def _backtest(folder: Path) -> Path:
    arguments = [CRM / "programme.yaml", PIPELINE, "--map", CRM / "mapping.yaml", "--out", folder]
    result = CliRunner().invoke(main, ["backtest", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return folder


def _minor(leg: dict[str, str]) -> int:
    return int(leg["amount"].replace(".", ""))
