"""How to cite a version of the dataset: in words, as BibTeX, as a Citation File Format file, as RIS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vetgraph.dataset.describing import TITLE
from vetgraph.store import Version
from vetgraph.vocab import BASE

AUTHOR: Final = "The vetgraph project"
KEYWORDS: Final = ("vocational education and training", "learner mobility", "linked data", "SPARQL", "SHACL")

TYPES: Final = {
    "bib": "application/x-bibtex; charset=utf-8",
    "cff": "application/yaml; charset=utf-8",
    "ris": "application/x-research-info-systems; charset=utf-8",
}
"""Media types of citation files by their suffixes."""


@dataclass(frozen=True)
class Citation:
    """What a citation says: the version, when it was published, where this service has it."""

    number: int
    built: datetime
    root: str

    @classmethod
    def of(cls, version: Version, root: str) -> Citation:
        """Return the citation of a version that is served at an address."""
        return cls(version.number, version.built, root)

    @property
    def title(self) -> str:
        """The title of the dataset."""
        return TITLE["en"]

    @property
    def iri(self) -> str:
        """The IRI of the version."""
        return f"{BASE}version/{self.number}"

    @property
    def text(self) -> str:
        """The citation in words."""
        return f"{AUTHOR} ({self.built.year}). {self.title}. Version {self.number}, {self.built.date()}. {BASE}"

    def bib(self) -> str:
        """Return a BibTeX entry that every style knows."""
        return f"""@misc{{vetgraph-{self.number},
  author = {{{{{AUTHOR}}}}},
  title = {{{{{self.title}}}}},
  year = {{{self.built.year}}},
  month = {self.built.strftime("%b").lower()},
  version = {{{self.number}}},
  howpublished = {{\\url{{{BASE}}}}},
  note = {{Data set, version {self.number} of {self.built.date()}, CC BY 4.0}}
}}
"""

    def cff(self) -> str:
        """Return a Citation File Format 1.2.0 file, which is YAML."""
        keywords = "\n".join(f'  - "{keyword}"' for keyword in KEYWORDS)
        return f"""cff-version: 1.2.0
title: "{self.title}"
message: "If you use the graph, please cite it with the version of the data."
type: dataset
authors:
  - name: "{AUTHOR}"
version: "{self.number}"
date-released: {self.built.date()}
license: CC-BY-4.0
url: "{BASE}"
identifiers:
  - type: url
    value: "{self.iri}"
    description: "IRI of the version"
  - type: url
    value: "{self.root}/dump.trig.gz"
    description: "All data of the newest version, at the service that wrote this file"
keywords:
{keywords}
"""

    def ris(self) -> str:
        """Return a RIS record: lines of tags, ended as the format wants."""
        lines = [
            ("TY", "DATA"),
            ("AU", AUTHOR),
            ("TI", self.title),
            ("PY", str(self.built.year)),
            ("DA", self.built.strftime("%Y/%m/%d/")),
            ("ET", f"Version {self.number}"),
            ("UR", BASE),
            *(("KW", keyword) for keyword in KEYWORDS),
            ("N1", "Licence: CC BY 4.0"),
            ("ER", ""),
        ]
        return "".join(f"{tag}  - {value}\r\n" for tag, value in lines)

    def written(self, suffix: str) -> str:
        """Return the citation in the format of a suffix of :data:`TYPES`."""
        return {"bib": self.bib, "cff": self.cff, "ris": self.ris}[suffix]()
