"""
An event that earns, for one holder: which rules apply, what they pay, and badges (paragraphs 11 to 21 and 32).
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from loyalty.core.calendar import NEVER, Unit
from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from loyalty.rules.declaration import Campaign, Cap, Cooldown, Group, KeyPart, Rule, Take, Validity
from loyalty.rules.expressions import evaluate
from tests.auditor.awards import Reading, award_of
from tests.auditor.days import add, expiry_day, is_within_dates, period_number
from tests.auditor.history import Happening
from tests.auditor.metrics import met, metrics
from tests.auditor.revisions import currency_on, in_one_order, revision_on, revisions, version_of
from tests.auditor.standing import give
from tests.auditor.state import Fact, Lot, OwnedKey, Paid, State, Values
from tests.auditor.values import event_values, key_of, tier_values
from tests.auditor.wallet import Cause, Wallet

HOUR_US = 3_600_000_000


@frozen
class Version:
    """A rule as one revision declares it (57)."""

    rule: Rule
    place: int

    @property
    def order(self) -> tuple[int, int, str]:
        """Where it stands among the rules of an event (12)."""
        return (self.rule.phase, self.rule.priority, self.rule.name)


@frozen
class Earning:
    """One event that earns for one holder, with the values that stood before it (11)."""

    programme: Programme
    wallet: Wallet
    happening: Happening
    fact: Fact

    @property
    def revision(self) -> Programme:
        """The revision in force on the event's day (57)."""
        return revision_on(self.programme, self.happening.day)

    @property
    def state(self) -> State:
        """The paid holder."""
        return self.wallet.state

    def cause(self, rule: str) -> Cause:
        """Give what is posted under: this event, and a rule (35)."""
        return Cause(self.happening.event.identity, rule, self.happening.at)


def as_it_stands(programme: Programme, wallet: Wallet, happening: Happening, tier: str) -> Earning:
    """Read what the names of expressions stand for before an event, after its effect on an earlier one (11, 32)."""
    values: list[Values] = [
        {
            **event_values(happening),
            **tier_values(programme, revision, tier),
            **metrics(revision, wallet.state, happening.day),
        }
        for revision in revisions(programme)
    ]
    is_counted = is_within_dates(revision_on(programme, happening.day), happening.day)
    return Earning(programme, wallet, happening, Fact(happening, values, tier, is_counted))


def versions(earning: Earning) -> list[Version]:
    """Give the rules on the event's kind that give to this layer, each in the version that pays, in order (12, 57)."""
    programme, happening, anchor = earning.programme, earning.happening, earning.state.anchor
    assert anchor is not None, "a holder has an anchor from its first event on"
    found = []
    for name in {rule.name for revision in revisions(programme) for rule in revision.rules}:
        version = version_of(programme, name, happening.day, happening.first_of_chain.day, anchor)
        if version is not None:
            found.append(Version(rule=version[1], place=version[0]))
    on_kind = [one for one in found if one.rule.on == happening.event.kind and earning.state.layer in one.rule.give]
    return sorted(on_kind, key=lambda one: one.order)


def pay_rules(earning: Earning) -> None:
    """Take the kind's rules by (phase, priority, name); groups at their first rule (12, 18)."""
    rules = versions(earning)
    decided = set()
    for version in rules:
        group = group_of(earning, version)
        if group is None or group.take is Take.ALL:
            if applies(earning, version):
                pay(earning, version)
        elif group.name not in decided:
            decided.add(group.name)
            members = [member for member in rules if member.rule.group == group.name]
            candidates = [member for member in members if applies(earning, member)]
            best = group.take is Take.BEST
            winner = best_of(earning, candidates, group.by) if best else first_of(earning, candidates)
            if winner is not None:
                pay(earning, winner)


def group_of(earning: Earning, version: Version) -> Group | None:
    """Give the group that a rule stands in, as the revision of the day declares it or else the rule's own (57)."""
    name = version.rule.group
    if name is None:
        return None
    return earning.revision.groups.get(name) or revisions(earning.programme)[version.place].groups[name]


def campaign_of(earning: Earning, version: Version) -> Campaign | None:
    """Give the campaign of a rule, as the rule's own revision declares it (57)."""
    name = version.rule.campaign
    return None if name is None else revisions(earning.programme)[version.place].campaigns[name]


def first_of(earning: Earning, candidates: list[Version]) -> Version | None:
    """Give the first rule whose capped award is above 0 in some currency (18)."""
    return next((version for version in candidates if any(capped_awards(earning, version).values())), None)


def best_of(earning: Earning, candidates: list[Version], by: str | None) -> Version | None:
    """Give the rule with the most of one currency, each as if it alone were paid; ties go to the earlier (18)."""
    best: Version | None = None
    most = -1
    for version in candidates:
        amount = capped_awards(earning, version).get(by or "", 0)
        if amount > most:
            best, most = version, amount
    return best


def applies(earning: Earning, version: Version) -> bool:
    """Test the conditions of a rule in their order; a streak moves only if all others hold (12)."""
    rule, day = version.rule, earning.happening.day
    campaign = campaign_of(earning, version)
    if not lies_within(day, rule.valid):
        return False
    if campaign is not None and not lies_within(day, campaign.valid):
        return False
    if rule.when is not None and not evaluate(rule.when, earning.fact.values[version.place]):
        return False
    if rule.once_per is not None and once_key(earning, version) in earning.state.used_once:
        return False
    if cools_down(earning, version):
        return False
    return moved_streak_is_complete(earning, rule)


def lies_within(day: int, valid: Validity) -> bool:
    """Say whether a day is valid, both ends included."""
    return (valid.first_day is None or valid.first_day <= day) and (valid.last_day is None or day <= valid.last_day)


def owned_key(earning: Earning, owner: tuple[str, ...], parts: Iterable[KeyPart]) -> OwnedKey:
    """Give the key under which something of a rule or campaign is kept; it is the same in each revision (13, 59)."""
    return (*owner, key_of(earning.programme, earning.happening, parts))


def once_key(earning: Earning, version: Version) -> OwnedKey:
    """Give the key under which a rule pays once (13)."""
    return owned_key(earning, (version.rule.name,), version.rule.once_per or ())


def cooldown_key(earning: Earning, version: Version, cooldown: Cooldown) -> OwnedKey:
    """Give the key that a cooldown is kept for (13)."""
    return owned_key(earning, (version.rule.name,), cooldown.per)


def cools_down(earning: Earning, version: Version) -> bool:
    """Say whether the rule paid too short a time ago: by dates, or by instants where the length is in hours (14)."""
    cooldown = version.rule.cooldown
    if cooldown is None:
        return False
    last = earning.state.last_paid.get(cooldown_key(earning, version, cooldown))
    if last is None:
        return False
    last_day, last_instant = last
    if cooldown.length.unit is Unit.HOURS:
        return earning.happening.at < last_instant + cooldown.length.count * HOUR_US
    return earning.happening.day < add(last_day, cooldown.length)


def moved_streak_is_complete(earning: Earning, rule: Rule) -> bool:
    """Move the streak by this qualifying event, and say whether it is complete at it (15)."""
    if rule.streak is None:
        return True
    key = (rule.name, rule.streak.every)
    period = period_number(earning.happening.day, rule.streak.every, earning.programme.year_starts_month)
    last_period, length = earning.state.streaks.get(key, (None, 0))
    if period == last_period:
        return False
    length = length + 1 if last_period is not None and period == last_period + 1 else 1
    earning.state.streaks[key] = (period, length)
    return length % rule.streak.length == 0 if rule.streak.repeat else length == rule.streak.length


def caps_on(earning: Earning, version: Version, currency: str) -> list[tuple[OwnedKey, Cap]]:
    """Give the caps that bound a rule in a currency, its campaign's included, each with its key (13, 17, 59)."""
    named: list[tuple[tuple[str, str], Cap]] = [(("rule", version.rule.name), cap) for cap in version.rule.caps]
    campaign = campaign_of(earning, version)
    if campaign is not None:
        named += [(("campaign", campaign.name), cap) for cap in campaign.caps]
    return [(owned_key(earning, (*name, currency), cap.per), cap) for name, cap in named if cap.currency == currency]


def capped_awards(earning: Earning, version: Version) -> dict[str, int]:
    """Give the award of each currency, lowered to the least headroom of its caps (16, 17)."""
    fact, happening, capped = earning.fact, earning.happening, {}
    reading = Reading(
        programme=earning.programme,
        place=version.place,
        values=fact.values[version.place],
        fields=happening.fields,
        tier=fact.tier,
    )
    for currency, award in version.rule.give[earning.state.layer].items():
        amount = award_of(reading, version.rule, award, currency)
        for key, cap in caps_on(earning, version, currency):
            used = 0 if cap.per_event else sum(use for used_key, use in earning.state.cap_uses if used_key == key)
            amount = min(amount, cap.amount - used)
        capped[currency] = max(amount, 0)
    return capped


def pay(earning: Earning, version: Version) -> None:
    """Pay a rule's capped awards and use up its caps, its ``once_per`` key and its cooldown (13, 14, 17, 19)."""
    state, day, rule = earning.state, earning.happening.day, version.rule
    awards = {currency: amount for currency, amount in capped_awards(earning, version).items() if amount > 0}
    for currency, amount in awards.items():
        lot = lot_of(earning, currency, amount)
        until_kind = None
        if currency in rule.pending:
            pending = rule.pending[currency]
            lot.account, until_kind = "pending", pending.until_kind
            lot.matures_day = None if pending.duration is None else add(day, pending.duration)
        used = {key for key, cap in caps_on(earning, version, currency) if not cap.per_event}
        state.cap_uses += [(key, amount) for key in used]
        state.earned.append((currency, day, amount))
        state.paid.append(Paid(earning.fact, rule, version.place, currency, amount, lot, until_kind, used))
        earning.wallet.credit(earning.cause(rule.name), lot)
    if awards and rule.once_per is not None:
        state.used_once.add(once_key(earning, version))
    if awards and rule.cooldown is not None:
        state.last_paid[cooldown_key(earning, version, rule.cooldown)] = (day, earning.happening.at)


def lot_of(earning: Earning, currency: str, amount: int) -> Lot:
    """Make an available lot that expires counted from the event's day (8)."""
    expires = currency_on(earning.programme, currency, earning.happening.day).expires
    expiry = expiry_day(earning.happening.day, expires, earning.programme.year_starts_month)
    return Lot(currency, "available", amount, expiry)


def mature_followed(wallet: Wallet, happening: Happening) -> None:
    """Make available what the followed event earned and what waits for this kind (19, 32)."""
    for paid in wallet.state.paid:
        waits = paid.lot.account == "pending" and paid.until_kind == happening.event.kind
        if waits and paid.fact.happening is happening.origin:
            wallet.mature(Cause(happening.event.identity, paid.rule.name, happening.at), paid.lot)


def give_badges(earning: Earning) -> None:
    """Give each badge once, when its needs are met; its gifts count for later looks only (21, 52)."""
    state, day = earning.state, earning.happening.day
    tier = state.tier if state.layer is Layer.PARTNER else earning.fact.tier
    values = {**tier_values(earning.programme, earning.revision, tier), **metrics(earning.revision, state, day)}
    for badge in in_one_order(earning.programme, lambda revision: revision.badges, day):
        if badge.layer is not state.layer or badge.name in state.badges or not met(badge.needs, values):
            continue
        state.badges.add(badge.name)
        cause = earning.cause(f"@badge.{badge.name}")
        earning.wallet.move(cause, "programme/standing", "standing", f"badge.{badge.name}", 1, NEVER)
        give(earning.programme, earning.wallet, cause, badge.give, day)
