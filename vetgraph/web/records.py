"""Rows → records as pages show them: statuses, stages, numbers, claims, roles, statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from vetgraph.store import Term
from vetgraph.vocab import SCHEME, VET
from vetgraph.web import reading
from vetgraph.web.reading import Evidence, Row, each, evidence, grouped

UNDISPUTED: Final = SCHEME + "modality/asserted"
"""The modality of a plain assertion, which pages leave unsaid."""


# -- matrices of statuses ---------------------------------------------------------------------


@dataclass(frozen=True)
class Status:
    """One status: its value, or the values claimed where sources disagree, with the evidence."""

    iri: str
    values: tuple[str, ...]
    tone: str
    disputed: bool
    component: str
    note: str
    years: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass
class Matrix:
    """Areas × aspects of one country."""

    country: str
    aspects: list[str]
    areas: list[tuple[str, str]]
    cells: dict[tuple[str, str], list[Status]] = field(default_factory=dict)

    def at(self, area: str, aspect: str) -> list[Status]:
        """Return the statuses in a cell, that of the whole first, then its components."""
        return self.cells.get((area, aspect), [])

    @property
    def years(self) -> list[str]:
        """The reference years of the statuses."""
        found = {year for several in self.cells.values() for one in several for year in one.years}
        return sorted(found)

    @property
    def tones(self) -> list[str]:
        """The tones that occur, for the key."""
        found = {one.tone for several in self.cells.values() for one in several}
        return [tone for tone in TONES if tone in found]


TONES: Final = ("present", "partial", "planned", "absent", "not-provided", "not-applicable", "unclear", "disputed")
"""What a status comes to: the top values of the list, and dispute; each has its own mark and colour."""

ASPECTS: Final = ("action", "targets", "coordination", "evaluation", "user-involvement")
"""Columns of a matrix in the order in which a fiche asks for them; others follow."""


def _status(iri: str, rows: Sequence[Row]) -> Status:
    claimed = each(rows, "claimed")
    values = each(rows, "value") or claimed
    tops = {reading.fragment_of(row["top"] or row["value"] or row["claimed"]) for row in rows}
    tone = next((tone for tone in TONES if tone in tops), "unclear") if len(values) == 1 else "disputed"
    return Status(
        iri,
        tuple(values),
        tone,
        len(claimed) > 1,
        rows[0]["component"],
        rows[0]["note"],
        tuple(year[:4] for year in each(rows, "year")),
        tuple(evidence(rows)),
    )


def _aspect_order(iri: str) -> tuple[int, str]:
    name = reading.fragment_of(iri)
    return (ASPECTS.index(name) if name in ASPECTS else len(ASPECTS), reading.sort_key(iri))


def matrices(rows: Sequence[Row]) -> list[Matrix]:
    """Return a matrix for each country in some rows of statuses."""
    found = []
    for country, several in grouped(rows, lambda row: row["country"]).items():
        numbers = {row["area"]: row["areaNumber"] for row in several}
        aspects = sorted(each(several, "aspect"), key=_aspect_order)
        areas = sorted(numbers, key=lambda area: (area != "", int(numbers[area] or 99), reading.sort_key(area)))
        matrix = Matrix(country, aspects, [(area, numbers[area]) for area in areas])
        for iri, one in grouped(several, lambda row: row["status"]).items():
            status = _status(iri, one)
            cell = matrix.cells.setdefault((one[0]["area"], one[0]["aspect"]), [])
            cell.append(status)
            cell.sort(key=lambda s: (s.component != "", s.component))
        found.append(matrix)
    return sorted(found, key=lambda matrix: reading.sort_key(matrix.country))


@dataclass(frozen=True)
class Sample:
    """One cell of a matrix, to show what a fact looks like."""

    country: str
    area: str
    aspect: str
    status: Status


def sample(found: Iterable[Matrix]) -> Sample | None:
    """Return a status that says that something is absent, the one with the fewest passages."""
    candidates = [
        Sample(matrix.country, area, aspect, status)
        for matrix in found
        for (area, aspect), several in matrix.cells.items()
        for status in several
        if status.tone == "absent" and status.evidence and not status.component and not status.disputed
    ]
    return min(candidates, key=lambda one: (len(one.status.evidence), one.status.iri), default=None)


# -- developments and numbers -----------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """The stage of a development in one year."""

    year: str
    stage: str
    record: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Development:
    """A policy development with its yearly stages."""

    iri: str
    places: tuple[str, ...]
    types: tuple[str, ...]
    stages: tuple[Stage, ...]


def developments(rows: Sequence[Row]) -> list[Development]:
    """Return the developments in some rows."""
    found = []
    for iri, several in grouped(rows, lambda row: row["development"]).items():
        records = grouped((row for row in several if "record" in row), lambda row: row["record"])
        stages = [
            Stage(ones[0]["year"][:4], ones[0]["stage"], record, tuple(evidence(ones)))
            for record, ones in records.items()
        ]
        stages.sort(key=lambda stage: stage.year)
        found.append(Development(iri, tuple(each(several, "place")), tuple(each(several, "type")), tuple(stages)))
    return sorted(found, key=lambda one: (not one.stages, reading.sort_key(one.iri)))


@dataclass(frozen=True)
class Number:
    """One number of a table."""

    iri: str
    value: str
    unit: str
    derived: bool
    evidence: tuple[Evidence, ...]


@dataclass
class NumberTable:
    """A data set as a table: measures down, periods across.

    A measure is a pair: what is counted, and, in a table of changes, how the change is put.
    """

    data_set: str
    periods: list[str]
    measures: list[tuple[str, str]]
    cells: dict[tuple[tuple[str, str], str], Number]

    @property
    def evidence(self) -> list[Evidence]:
        """All passages behind the table."""
        return sorted({one for number in self.cells.values() for one in number.evidence})


def number_tables(rows: Sequence[Row]) -> list[NumberTable]:
    """Return a table for each data set in some rows of observations."""
    tables = []
    for data_set, several in grouped(rows, lambda row: row["dataSet"]).items():
        cells: dict[tuple[tuple[str, str], str], Number] = {}
        for iri, ones in grouped(several, lambda row: row["observation"]).items():
            row = ones[0]
            measure = (row["changed"], row["measure"]) if "changed" in row else (row["measure"], "")
            cells[measure, row["schoolYear"]] = Number(
                iri, row["number"], row["unit"], row["derived"] in ("true", "1"), tuple(evidence(ones))
            )
        periods = sorted({period for _, period in cells}, key=lambda iri: reading.label(iri).text)
        measures = sorted({measure for measure, _ in cells}, key=lambda pair: tuple(map(reading.sort_key, pair)))
        tables.append(NumberTable(data_set, periods, measures, cells))
    return tables


# -- claims -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """One side of a dispute or doubt."""

    iri: str
    object: Term | None
    label: str
    rank: str
    reason: str
    against: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Dispute:
    """Claims about one property of one thing."""

    subject: str
    property: str
    claims: tuple[Claim, ...]


def conflicts(rows: Sequence[Row]) -> list[Dispute]:
    """Return the claims in some rows, those about one property of one thing together."""
    claims: dict[str, tuple[Row, Claim]] = {}
    for iri, several in grouped(rows, lambda row: row["claim"]).items():
        row = several[0]
        against = tuple(each(several, "against"))
        claims[iri] = (
            row,
            Claim(iri, row.term("object"), row["label"], row["rank"], row["reason"], against, tuple(evidence(several))),
        )
    disputes: dict[tuple[str, str], list[Claim]] = {}
    for group in _connected({iri: claim.against for iri, (_, claim) in claims.items()}):
        row = claims[group[0]][0]
        disputes.setdefault((row["subject"], row["property"]), []).extend(claims[iri][1] for iri in group)
    return [Dispute(*key, tuple(sorted(sides, key=_side_order))) for key, sides in disputes.items()]


def _side_order(claim: Claim) -> tuple[int, tuple[Evidence, ...], str]:
    ranks = ("preferred", "normal", "deprecated")
    rank = reading.fragment_of(claim.rank)
    return (ranks.index(rank) if rank in ranks else 1, claim.evidence, claim.iri)


def _connected(links: dict[str, tuple[str, ...]]) -> list[list[str]]:
    """Return the groups of names that links connect, in order of first occurrence."""
    groups: list[list[str]] = []
    seen: set[str] = set()
    for start in links:
        waiting, group = [start], []
        while waiting:
            name = waiting.pop(0)
            if name in links and name not in seen:
                seen.add(name)
                group.append(name)
                waiting += [*links[name], *(other for other in links if name in links[other])]
        if group:
            groups.append(group)
    return groups


# -- roles and statements ---------------------------------------------------------------------


@dataclass(frozen=True)
class Role:
    """One involvement: who does what about what."""

    iri: str
    role: str
    actors: tuple[str, ...]
    about: tuple[str, ...]
    recipients: tuple[str, ...]
    areas: tuple[str, ...]
    modality: str
    period: tuple[str, str]
    evidence: tuple[Evidence, ...]


def roles(rows: Sequence[Row]) -> list[Role]:
    """Return the involvements in some rows."""
    return [
        Role(
            iri,
            several[0]["role"],
            tuple(each(several, "actor")),
            tuple(each(several, "about")),
            tuple(each(several, "recipient")),
            tuple(each(several, "area")),
            _unusual(several[0]["modality"]),
            (several[0]["from"][:4], several[0]["until"][:4]),
            tuple(evidence(several)),
        )
        for iri, several in grouped(rows, lambda row: row["involvement"]).items()
    ]


def _unusual(modality: str) -> str:
    return "" if modality == UNDISPUTED else modality


@dataclass(frozen=True)
class Said:
    """One statement in our words."""

    iri: str
    kind: str
    recommendation: bool
    position: bool
    modality: str
    areas: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def statements(rows: Sequence[Row]) -> dict[str, list[Said]]:
    """Return the statements in some rows by their kind; recommendations last."""
    found: dict[str, list[Said]] = {}
    for iri, several in grouped(rows, lambda row: row["statement"]).items():
        classes = each(several, "class")
        recommendation = VET + "Recommendation" in classes
        kind = VET + "Recommendation" if recommendation else several[0]["kind"]
        found.setdefault(kind, []).append(
            Said(
                iri,
                several[0]["kind"],
                recommendation,
                VET + "Position" in classes,
                _unusual(several[0]["modality"]),
                tuple(each(several, "area")),
                tuple(evidence(several)),
            )
        )
    last = VET + "Recommendation"
    return dict(sorted(found.items(), key=lambda item: (item[0] == last, reading.sort_key(item[0]))))
