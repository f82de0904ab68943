"""
What explanations say in Russian.

A key has the same placeholders in every language. Amounts stand in the nominative wherever the sentence allows it, so
that their unit agrees with the number alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    # Headings
    "head": "{what} {identity}, редакция {revision}",
    "rule": "правило {rule}",
    "rule.refused": "правило {rule} {why}",
    # Joining
    "join.key": " ",
    "join.factors": " × ",
    "join.slices": " + ",
    "join.and": " и ",
    "join.list": ", ",
    # Keys
    "key.partner": "на партнёра",
    "key.person": "на сотрудника",
    "key.day": "в день",
    "key.week": "в неделю",
    "key.month": "в месяц",
    "key.quarter": "в квартал",
    "key.half_year": "в полугодие",
    "key.year": "в год",
    "key.field": "на значение {field}",
    # Awards
    "award.fixed": "фиксированно {amount}",
    "award.rate": "{rate} с {measure}",
    "award.at_least": "{award}, не меньше: {bound}",
    "award.at_most": "{award}, не больше: {bound}",
    "award.at_tier": "на уровне {tier}: {award}",
    "award.original_tier": "ставка уровня исходного события с {measure}",
    "award.by_field": "ставка по полю {field}",
    "award.by_field_of": "ставка по полю {field} с {measure}",
    "award.slab": "ступень от {start}: {award}",
    "award.slices": "по ступеням: {slices}",
    "rate.percent": "{share} %",
    "rate.per": "{amount} за каждые {per}",
    "rounded.down": "округлено вниз",
    "rounded.up": "округлено вверх",
    "rounded.half_up": "округлено до ближайшего, половина вверх",
    "rounded.half_even": "округлено до ближайшего, половина к чётному",
    "base": "{award} = {amount}, {rounding}",
    "base.left": "за остаток причиталось бы: {award} = {amount}, {rounding}",
    "multiply": "множитель {factor} ({source}): {before} × {factor} = {after}, {rounding}",
    "multiplier.tier": "уровень {tier}",
    "multiplier.original_tier": "уровень исходного события",
    "multiplier.field": "по полю {field}",
    "multiplier.always": "всегда {factor}",
    "cap.ever": "{limit} за всё время",
    "cap.key": "{limit} {key}",
    "cap.event": "{limit} на событие",
    "cap.campaign": "{cap} по кампании {campaign}",
    "cap.cuts": "лимит {cap}: остаток до: {head}, после: {rest}; рассчитано: {before}, проходит: {after}",
    "cap.leaves": "лимит {cap}: остаток до: {head}, после: {rest}; проходит целиком: {after}",
    "candidate": "предлагает {offers} в группе {group}, где платит одно правило",
    "paid": "начислено: {amount}, {where}{usable}",
    "paid.at_once": "доступно сразу",
    "paid.until": "отложено до {day}",
    "paid.waits": "отложено, пока не придёт подтверждающее событие",
    "usable": ", последний день использования {day}",
    "nothing": "{currency}: не начислено, получается 0",
    # Rules that did not pay
    "skip.validity.begins": "не применяется: в этот день оно не действует, начало {day}",
    "skip.validity.ended": "не применяется: в этот день оно не действует, последний день был {day}",
    "skip.campaign.begins": "не применяется: кампания в этот день не идёт, начало {day}",
    "skip.campaign.ended": "не применяется: кампания в этот день не идёт, последний день был {day}",
    "skip.when": "не применяется: условие не выполнено: {condition}",
    "skip.once": "не применяется: оно платит один раз и уже заплатило",
    "skip.once_per": "не применяется: по этому ключу оно уже заплатило (один раз {key})",
    "skip.cooldown": "не применяется: пауза после прошлого начисления не истекла",
    "skip.cooldown.until": "не применяется: пауза после прошлого начисления не истекла, снова платит с {day}",
    "skip.streak": "не применяется: серия не завершена, {run} из {length} {periods} подряд",
    "skip.streak.repeats": "не применяется: оно платит за каждые {length} {periods} подряд, по первому "
    "событию последнего; сейчас {period} {run}",
    "skip.streak.paid": "не применяется: оно платит один раз за {length} {periods} подряд, по первому "
    "событию последнего; сейчас {period} {run}",
    "skip.outbid.best": "не платит: в группе {group} больше даёт правило {winner}",
    "skip.outbid.first": "не платит: в группе {group} раньше стоит правило {winner}",
    # Refunds and what follows
    "refund": "возврат по исходному событию: {taken}; остаётся {left}",
    "refund.whole": "целиком",
    "reverse": "сторно: {amount}; всего сторнировано: {reversed}, было начислено: {granted}",
    "reverse.pending_only": "сторно: {amount}, но только из отложенных; всего сторнировано: {reversed}, было "
    "начислено: {granted}",
    "reverse.within_balance": "сторно: {amount}, но в пределах остатка на счёте; всего сторнировано: {reversed}, было "
    "начислено: {granted}",
    "reverse.keep": "остаётся у владельца: {amount}; таково правило возврата keep",
    "written_off": "из этого долг списан: {amount}; предел долга на этом уровне: {limit}",
    "matured": "стало доступно: {amount}",
    "outside": "день вне сроков программы: ничего не начисляется и не учитывается",
    "no_origin": "исходное событие неизвестно или ничего здесь не начислило",
    "too_late": "возврат пришёл после срока {day}: ничего не сторнируется",
    "nothing_left": "исходное событие уже возвращено целиком",
    "waits": "ждёт событие {of}: оно неизвестно, аннулировано или другого вида; ничего не происходит",
    "voids": "исключает событие {of} из истории; что изменилось, видно по проводкам этого события",
    "voided": "исключено из истории аннулированием: ничего не происходит",
    # Standing
    "promoted": "уровень повышен: {before} → {after}",
    "demoted": "уровень понижен: {before} → {after}",
    "badge": "значок {badge}",
    # Commands
    "asked.redeem": "списание: {amount}",
    "asked.hold": "резерв: {amount}",
    "asked.capture": "списание из резерва {of}: {amount}",
    "asked.release": "возврат из резерва {of}: {amount}",
    "asked.debit": "списание вручную: {amount}",
    "asked.credit": "начисление вручную: {amount}",
    "asked.open": "начальный остаток: {amount}",
    "asked.send": "перевод: {amount}, получатель {peer}",
    "asked.receive": "перевод: {amount}, отправитель {peer}",
    "asked.restore": "сторно операции {of}: {amount}",
    "asked.revoke": "сторно операции {of}: {amount}",
    "asked.forfeit": "аннулировано: {amount}; счёт закрыт операцией {closing}",
    "asked.write_off": "долг списан: {amount}; счёт закрыт операцией {closing}",
    "asked.close": "счёт закрывается",
    "asked.merge": "счёт объединяется с {peer} и закрывается",
    "asked.until": "{asked}, до {day}",
    "asked.because": "{asked}, причина: {reason}",
    "asked.by": "{asked} (выполнил {actor})",
    # What moved
    "moved.repaid": "погашение долга: {amount}",
    "moved.expired": "сгорание при возврате: {amount}, последний день использования был {last}",
    "moved.renewed": "возвращено по правилу {policy}: {amount}{usable}",
    "moved.owed": "не хватило и записано в долг: {amount}",
    "moved.forgiven": "долг снят: {amount}",
    "moved.taken": "списано: {amount}{usable}",
    "moved.captured": "списано из резерва: {amount}{usable}",
    "moved.returned": "возвращено: {amount}{usable}",
    "moved.matured": "из отложенных стало доступно: {amount}{usable}",
    "moved.forfeited": "аннулировано из отложенных: {amount}",
    "moved.credited": "зачислено: {amount}{usable}",
    "policy.grace": "отсрочка {length}",
}

#: Forms by plural category; "other" is that of numbers with decimals.
NOUNS: Final[Mapping[str, Mapping[str, str]]] = {
    "points": {"one": "балл", "few": "балла", "many": "баллов", "other": "балла"},
    "day": {"one": "день", "few": "дня", "many": "дней", "other": "дня"},
    "week": {"one": "неделя", "few": "недели", "many": "недель", "other": "недели"},
    "month": {"one": "месяц", "few": "месяца", "many": "месяцев", "other": "месяца"},
    "quarter": {"one": "квартал", "few": "квартала", "many": "кварталов", "other": "квартала"},
    "half_year": {"one": "полугодие", "few": "полугодия", "many": "полугодий", "other": "полугодия"},
    "year": {"one": "год", "few": "года", "many": "лет", "other": "года"},
    # Behind "3 из 5": the genitive.
    "day.of": {"one": "дня", "other": "дней"},
    "week.of": {"one": "недели", "other": "недель"},
    "month.of": {"one": "месяца", "other": "месяцев"},
    "quarter.of": {"one": "квартала", "other": "кварталов"},
    "half_year.of": {"one": "полугодия", "other": "полугодий"},
    "year.of": {"one": "года", "other": "лет"},
    "head.event": {"other": "событие"},
    "head.command": {"other": "операция"},
    "head.clock": {"other": "по календарю"},
    "head.correction": {"other": "исправление"},
}
