"""Tables become graphs by a mapping: as committed, judged row by row, all or nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vetgraph.converting import Problem, Result, convert
from vetgraph.errors import ContentError
from vetgraph.importing import Difference, compare, import_table, publish, summary
from vetgraph.loading import find_content
from vetgraph.mapping import read_plan
from vetgraph.store import GraphStore

ROOT = Path(__file__).resolve().parents[1]
MAPPINGS = sorted(ROOT.glob("data/*/*.toml"))

MAPPING = """
csv = "table.csv"
columns = ["code", "name", "year", "number", "stages", "groups", "page"]

[parts]
first = { column = "number", pattern = '^(\\d[\\d ]*)' }
stage_word = { column = "stage_name", pattern = '^(\\w+)' }

[tables.country]
AT = "id:austria"
BE = ["id:belgium", "id:austria"]

[tables.stage]
Design = "stage:design"
Pilot = "development-stage:pilot"

[tables.group]
apprentices = "target-group:apprentices"
nobody = []

[sets.cited]
"prov:wasDerivedFrom" = { iri = "id:ev-page-{page|slug}", optional = true }

[[skip]]
when = { code = "XX" }
reason = "test rows"

[[record]]
name = "thing"
unless = { code = ["LINK", "NONE"] }
subject = "id:thing-{name|slug}"
class = "vet:PolicyDevelopment"
use = "cited"
[record.properties]
"skos:prefLabel" = { text = "{name} – {name|small}", lang = "en" }
"vet:jurisdiction" = "{code|country}"
"vet:startYear" = { text = "{year}", datatype = "xsd:gYear" }
"vet:statedNumber" = { text = "{first}", datatype = "xsd:integer", optional = true }
"vet:targetGroup" = { iri = "{groups|group}", split = "|", optional = true }
"foaf:page" = { address = "{page}", optional = true }

[[record]]
name = "stage"
unless = { code = ["LINK", "NONE"] }
each = { column = "stages", split = ";", names = ["stage_year", "stage_name"] }
subject = "id:stage-{name|slug}-{stage_year}"
class = "vet:StageRecord"
[record.properties]
"vet:stage" = "{stage_name|stage}"
"skos:prefLabel" = { text = "{stage_word}", lang = "en" }

[[record]]
name = "page"
shared = true
unless = { page = "" }
subject = "id:ev-page-{page|slug}"
class = "vet:PageEvidence"

[[record]]
name = "link"
link = true
when = { code = "LINK" }
subject = "id:{name|slug}"
[record.properties]
"vet:startYear" = { text = "{year}", datatype = "xsd:gYear" }
"""
HEADER = "code,name,year,number,stages,groups,page"
GOOD = "AT,One thing,2020,1 200 people,2020:Pilot,apprentices|nobody,https://example.org/a?b%5B%5D=1"
KNOWN = frozenset(
    "https://w3id.org/vetgraph/" + name
    for name in (
        "id/austria",
        "id/belgium",
        "id/known",
        "id/thing-taken",
        "scheme/development-stage/pilot",
        "scheme/target-group/apprentices",
    )
)


def write(folder: Path, *rows: str, mapping: str = MAPPING, header: str = HEADER) -> Path:
    """Write a mapping with its table; return the mapping."""
    folder.mkdir(exist_ok=True)
    (folder / "table.csv").write_text("\n".join([header, *rows, ""]), "utf-8")
    path = folder / "made.toml"
    path.write_text(mapping, "utf-8")
    return path


def names(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def made(folder: Path, *rows: str, mapping: str = MAPPING, header: str = HEADER) -> Result:
    """Return what rows become by the small mapping, shapes aside."""
    path = write(folder, *rows, mapping=mapping, header=header)
    return convert(read_plan(path), folder / "table.csv", KNOWN)


# the committed graphs ---------------------------------------------------------------------------


def test_every_mapping_has_its_file() -> None:
    graphs = ["scoreboard-fiches", "scoreboard-fiches", "scoreboard-indicators", "timeline-entries"]
    assert [path.parent.name for path in MAPPINGS] == graphs
    for path in MAPPINGS:
        first = path.with_suffix(".ttl").read_text("utf-8").partition("\n")[0]
        assert first.startswith(f"# Made by `vetgraph import data/{path.parent.name}/{path.name}` from ")


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_import_makes_the_committed_file(mapping: Path) -> None:
    result = import_table(mapping, find_content(ROOT))
    assert [problem.as_text() for problem in result.problems] == []
    assert result.as_turtle() == mapping.with_suffix(".ttl").read_text("utf-8")
    assert compare(result, mapping.with_suffix(".ttl")) == Difference(0, 0, (), (), ())


def count(store: GraphStore, pattern: str) -> int:
    prefixes = "".join(
        f"PREFIX {name}: <https://w3id.org/vetgraph/{path}> "
        for name, path in (
            ("vet", "ontology#"),
            ("id", "id/"),
            ("graph", "graph/"),
            ("confidence", "scheme/confidence/"),
        )
    )
    (row,) = store.select(f"{prefixes} SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}")
    return int(getattr(row["n"], "value", "-1"))


def test_what_a_source_document_says_is_linked_not_doubled(store: GraphStore) -> None:
    fiches = "GRAPH graph:scoreboard-fiches"
    assert count(store, f"{fiches} {{ ?s a vet:PolicyStatus ; vet:jurisdiction id:luxembourg }}") == 0
    assert count(store, f"{fiches} {{ ?s vet:answers ?q }} GRAPH graph:lu-mobility-fiche-2021 {{ ?s a ?kind }}") == 68
    assert count(store, '?development a vet:PolicyDevelopment ; vet:recordNumber "43829"') == 1
    assert count(store, "GRAPH graph:timeline-entries { ?s vet:jurisdiction id:belgium-fl }") == 0
    assert count(store, "GRAPH graph:scoreboard-indicators { ?s vet:about id:belgium-fl ; vet:statedNumber ?n }") == 0


def test_medium_confidence_is_marked(store: GraphStore) -> None:
    assert count(store, "?record vet:confidence confidence:medium") == 15
    unmarked = "?s a vet:PolicyStatus OPTIONAL { ?s vet:confidence ?c } FILTER(!BOUND(?c))"
    assert count(store, f"GRAPH graph:scoreboard-fiches {{ {unmarked} }}") == 0


# rows → things ----------------------------------------------------------------------------------


def test_good_rows_become_things(tmp_path: Path) -> None:
    result = made(tmp_path, GOOD, "LINK,Known,2021,,,,", "XX,Nothing,,,,,")
    assert result.problems == ()
    assert (result.rows, result.linked, dict(result.skipped)) == (3, 1, {"test rows": 1})
    assert result.things == {"vet:PageEvidence": 1, "vet:PolicyDevelopment": 1, "vet:StageRecord": 1}
    turtle = result.as_turtle().partition("\n\n")[2]
    assert turtle.partition("\n\n")[2] == (
        "id:ev-page-example-org-a-b-1 a vet:PageEvidence .\n\n"
        'id:known vet:startYear "2021"^^xsd:gYear .\n\n'
        "id:stage-one-thing-2020 a vet:StageRecord ;\n"
        '    skos:prefLabel "Pilot"@en ;\n'
        "    vet:stage development-stage:pilot .\n\n"
        "id:thing-one-thing a vet:PolicyDevelopment ;\n"
        '    skos:prefLabel "One thing – one thing"@en ;\n'
        "    prov:wasDerivedFrom id:ev-page-example-org-a-b-1 ;\n"
        "    foaf:page <https://example.org/a?b%5B%5D=1> ;\n"
        "    vet:jurisdiction id:austria ;\n"
        '    vet:startYear "2020"^^xsd:gYear ;\n'
        "    vet:statedNumber 1200 ;\n"
        "    vet:targetGroup target-group:apprentices .\n"
    )


def test_several_rows_share_a_page_and_a_table_gives_several_values(tmp_path: Path) -> None:
    result = made(tmp_path, GOOD, "BE,Two,2020,,,,https://example.org/a?b%5B%5D=1")
    assert result.problems == ()
    assert result.makers["https://w3id.org/vetgraph/id/ev-page-example-org-a-b-1"] == (2, 3)
    assert "vet:jurisdiction id:austria,\n        id:belgium ;" in result.as_turtle()


ROW_FAULTS = {
    "unknown word": ("AT,One,2020,,2020:Pilott,,", "stage_name", "Pilott", "Did you mean Pilot?"),
    "unknown code": ("QQ,One,2020,,,,", "code", "QQ", "the table country of the mapping does not have this."),
    "no prefixed name": ("AT,One,2020,,2020:Design,,", "stage_name", "stage:design", "must become a prefixed name"),
    "empty cell": ("AT,One,,,,,", "year", "", "this cell is empty"),
    "no year": ("AT,One,20x0,,,,", "year", "20x0", "not of type xsd:gYear"),
    "no address": ("AT,One,2020,,,,example.org", "page", "example.org", "not a web address"),
    "no slug": ("AT,—,2020,,,,", "name", "id:thing-", "small letters, digits"),
    "item of a list": ("AT,One,2020,,2020,,", "stages", "2020", "written stage_year:stage_name"),
    "described already": ("AT,Taken,2020,,,,", "name", "Taken", "id:thing-taken is described elsewhere already"),
    "link to nothing": ("LINK,Unknown,2020,,,,", "name", "Unknown", "id:unknown is to be linked, but nothing"),
    "no record": ("NONE,One,2020,,,,", "", "", "no record of the mapping takes this row"),
    "too few cells": ("AT,One,2020", "", "", "there are 3 cells for 7 columns"),
    "stray quotation mark": ('AT,"One,2020,,,,', "", "", "this is not CSV"),
}


@pytest.mark.parametrize("fault", ROW_FAULTS)
def test_a_wrong_row_is_named_with_its_place(fault: str, tmp_path: Path) -> None:
    row, column, value, words = ROW_FAULTS[fault]
    (problem,) = made(tmp_path, GOOD, row).problems
    assert (problem.file, problem.line, problem.column, problem.value) == ("table.csv", 3, column, value)
    assert words in problem.message


def test_a_second_row_for_a_thing_is_refused(tmp_path: Path) -> None:
    problems = made(tmp_path, GOOD, GOOD).problems
    assert {problem.line for problem in problems} == {3}
    assert "id:thing-one-thing is already made from line 2" in problems[0].message


def test_a_thing_that_nothing_describes_is_refused(tmp_path: Path) -> None:
    mapping = MAPPING.replace('"id:austria"', '"id:atlantis"')
    problems = made(tmp_path, GOOD, mapping=mapping).problems
    assert [(p.line, p.value) for p in problems] == [(2, "id:atlantis")]


def test_a_wrong_header_stops_at_once(tmp_path: Path) -> None:
    (problem,) = made(tmp_path, GOOD, header="code,name").problems
    assert problem.line == 1
    assert problem.message.endswith(", ".join(HEADER.split(",")) + ".")


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    mapping = write(tmp_path)
    (tmp_path / "table.csv").write_bytes(f"{HEADER}\nAT,Wirtschaftskammer Österreich,2020,,,,\n".encode("latin-1"))
    (problem,) = convert(read_plan(mapping), tmp_path / "table.csv", KNOWN).problems
    assert (problem.line, problem.message) == (2, "this is not UTF-8; save the table as UTF-8.")


def test_a_row_of_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    (problem,) = made(tmp_path, 'AT,"One\nthing",2020,,,,', "AT,Two,,,,,").problems
    assert problem.line == 4


def test_a_problem_reads_as_one_line() -> None:
    assert Problem("t.csv", 4, "year", "20x0", "no.").as_text() == "t.csv, line 4, column year: “20x0”: no."
    assert Problem("t.csv", 0, "", "", "no.").as_text() == "t.csv: no."


# mappings that are not in order -----------------------------------------------------------------

MAPPING_FAULTS = {
    'csv = "table.csv"': ("", "csv must be a text"),
    "[[skip]]": ("[[skipp]]", "top level: nothing reads skipp"),
    'use = "cited"': ('use = "sited"', "record thing: there is no set sited"),
    '"{code|country}"': ('"{code|contry}"', "there is no filter or table contry"),
    'text = "{year}", datatype = "xsd:gYear" }\n"vet:statedNumber"': (
        'text = "{yaer}", datatype = "xsd:gYear" }\n"vet:statedNumber"',
        "record thing, vet:startYear: there is no column yaer",
    ),
    'iri = "{groups|group}", split': ('iri = "{groups|group}{code}", split', "split needs a template with one column"),
    'address = "{page}", optional = true': ('address = "{page}", optional = 1', "optional must be true or false"),
    '"{name} – {name|small}", lang = "en"': ('"{name}"', "a text has either lang or datatype"),
    'datatype = "xsd:integer"': ('datatype = "xsd:int"', "the datatype xsd:int is not known here"),
    '"foaf:page" =': ('"foav:page" =', "the prefix of foav:page is not known"),
    "link = true\n": ("", "record link: give a class, or link = true"),
    "'^(\\d[\\d ]*)'": ("'^(\\d[\\d ]*'", "parts.first: the pattern is not a regular expression"),
    "'^(\\w+)'": ("'^\\w+'", "parts.stage_word: the pattern must have one group"),
    "[tables.group]": ("[tables.slug]", "tables.slug: a table has a name"),
    "nobody = []": ("nobody = 3", "tables.group: nobody must be a text or a list of texts"),
    "[tables.stage]": (
        '[tables.title]\nfile = "no.csv"\nkey = "a"\nvalue = "b"\n[tables.stage]',
        "no.csv can't be read",
    ),
    'names = ["stage_year", "stage_name"]': ('names = ["year", "stage_name"]', "year is a column already"),
    "when = {": ("when = [", "not valid TOML"),
}


@pytest.mark.parametrize("old", MAPPING_FAULTS)
def test_a_mapping_that_is_not_in_order_is_refused(old: str, tmp_path: Path) -> None:
    new, words = MAPPING_FAULTS[old]
    assert old in MAPPING
    path = write(tmp_path, mapping=MAPPING.replace(old, new))
    with pytest.raises(ContentError) as caught:
        read_plan(path)
    assert words in caught.value.detail
    assert "made.toml" in caught.value.detail


def test_a_table_may_be_two_columns_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("code,what,more\nAT,id:austria,x\n", "utf-8")
    inline = '[tables.country]\nAT = "id:austria"\nBE = ["id:belgium", "id:austria"]\n'
    mapping = MAPPING.replace(inline, '[tables.country]\nfile = "codes.csv"\nkey = "code"\nvalue = "what"\n')
    assert mapping != MAPPING
    assert made(tmp_path, GOOD, mapping=mapping).problems == ()


# shapes, differences, files ---------------------------------------------------------------------

STATUS = """
csv = "table.csv"
columns = ["place", "value"]

[[record]]
name = "status"
subject = "id:status-{place|slug}-2019-test"
class = "vet:PolicyStatus"
[record.properties]
"skos:prefLabel" = { text = "A test on {place}", lang = "en" }
"prov:wasDerivedFrom" = "id:ev-000-15-30"
"vet:jurisdiction" = "id:{place}"
"vet:referenceYear" = { text = "2019", datatype = "xsd:gYear" }
"vet:thematicArea" = "thematic-area:quality"
"vet:aspect" = "governance-aspect:action"
"vet:statusValue" = "{value}"
"""


def imported(folder: Path, *rows: str) -> tuple[Path, Result]:
    """Return a mapping and what its rows become, judged by the project's shapes."""
    path = write(folder, *rows, mapping=STATUS, header="place,value")
    return path, import_table(path, find_content(ROOT))


def test_what_breaks_a_shape_is_named_by_its_row(tmp_path: Path) -> None:
    _, result = imported(tmp_path, "austria,status-value:absent", "france,certainty:confirmed")
    (problem,) = result.problems
    assert problem.line == 3
    assert problem.message.startswith("id:status-france-2019-test: ")
    assert "status-value" in problem.message


def test_a_good_table_is_written_and_compared(tmp_path: Path) -> None:
    path, result = imported(tmp_path, "austria,status-value:absent", "france,status-value:present")
    target = path.with_suffix(".ttl")
    difference = compare(result, target)
    assert (difference.added, difference.removed) == (16, 0)
    assert names(tmp_path) == ["made.toml", "table.csv"], "comparing writes nothing"
    publish(result, target)
    assert compare(result, target) == Difference(0, 0, (), (), ())
    _, later = imported(tmp_path, "austria,status-value:partial", "italy,status-value:present")
    difference = compare(later, target)
    assert difference.new == ("id:status-italy-2019-test",)
    assert difference.gone == ("id:status-france-2019-test",)
    assert difference.changed == ("id:status-austria-2019-test",)
    assert "2 rows: 2 made into things, 0 linked, 0 skipped" in summary(later, difference)
    assert "  gone: 1: id:status-france-2019-test" in summary(later, difference)


def test_nothing_is_written_while_anything_is_wrong(tmp_path: Path) -> None:
    path, result = imported(tmp_path, "austria,status-value:absnt")
    assert result.problems
    with pytest.raises(ContentError, match="nothing was written"):
        publish(result, path.with_suffix(".ttl"))
    assert not path.with_suffix(".ttl").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, result = imported(tmp_path, "austria,status-value:absent")
    target = path.with_suffix(".ttl")
    target.write_text("# what was there\n", "utf-8")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ContentError, match="can't be written: No space left on device"):
        publish(result, target)
    assert target.read_text("utf-8") == "# what was there\n"
    assert names(tmp_path) == ["made.toml", "made.ttl", "table.csv"]


def test_a_missing_table_or_mapping_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, mapping=STATUS)
    (tmp_path / "table.csv").unlink()
    with pytest.raises(ContentError, match=r"table\.csv can't be read: No such file or directory; give it with --csv"):
        import_table(path, find_content(ROOT))
    with pytest.raises(ContentError, match=r"The mapping none\.toml: it can't be read"):
        import_table(tmp_path / "none.toml", find_content(ROOT))


# the command ------------------------------------------------------------------------------------

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_command_writes_a_good_table(vetgraph: Run, tmp_path: Path) -> None:
    path = write(tmp_path, "austria,status-value:absent", mapping=STATUS, header="place,value")
    dry = vetgraph("import", str(path), "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "made.ttl: 8 triples more, 0 less" in dry.stdout
    assert "A dry run: nothing was written." in dry.stdout
    assert names(tmp_path) == ["made.toml", "table.csv"]
    (tmp_path / "out").mkdir()
    done = vetgraph("import", str(path), "--csv", str(tmp_path / "table.csv"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "made.ttl").read_text("utf-8").startswith("# Made by ")


def test_the_command_says_what_is_wrong(vetgraph: Run, tmp_path: Path) -> None:
    path = write(tmp_path, "atlantis,status-value:absent", mapping=STATUS, header="place,value")
    result = vetgraph("import", str(path))
    assert result.returncode == 1
    assert (
        "table.csv, line 2: “id:atlantis”: vet:jurisdiction points to something that nothing describes."
        in result.stderr
    )
    assert "1 problem(s): nothing was written." in result.stderr
    assert vetgraph("import", str(tmp_path / "none.toml")).returncode == 2
