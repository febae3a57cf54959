"""Words from which names of made-up things are put together, in the four languages of the project.

Nothing here needs escaping in N-Triples: no quotation mark, backslash or line break.
"""

from __future__ import annotations

from typing import Final

Names = dict[str, str]
"""A name by language."""


def _names(en: str, fr: str, de: str, nl: str) -> Names:
    return {"en": en, "fr": fr, "de": de, "nl": nl}


def joined(name: Names, country: Names) -> Names:
    """Return a name with a country's after it, in every language that both have."""
    return {language: f"{words}, {country[language]}" for language, words in name.items() if language in country}


MINISTRY: Final = _names(
    "Ministry of education", "Ministère de l'éducation", "Bildungsministerium", "Onderwijsministerie"
)
AGREEMENT: Final = _names(
    "Agreement on mobility", "Accord sur la mobilité", "Mobilitätsabkommen", "Mobiliteitsovereenkomst"
)
ACT: Final = _names("Act of", "Acte du", "Rechtsakt vom", "Handeling van")

BODIES: Final = [
    _names("Mobility agency", "Agence de la mobilité", "Mobilitätsagentur", "Mobiliteitsagentschap"),
    _names("Chamber of crafts", "Chambre des métiers", "Handwerkskammer", "Ambachtskamer"),
    _names("Employment service", "Service de l'emploi", "Arbeitsverwaltung", "Dienst voor arbeidsbemiddeling"),
    _names("Guidance centre", "Centre d'orientation", "Beratungszentrum", "Begeleidingscentrum"),
    _names("Vocational school", "Lycée professionnel", "Berufsschule", "Beroepsschool"),
    _names("Skills council", "Conseil des compétences", "Rat für Kompetenzen", "Vaardighedenraad"),
    _names("Recognition office", "Bureau de reconnaissance", "Anerkennungsstelle", "Erkenningsbureau"),
    _names("Youth service", "Service de la jeunesse", "Jugenddienst", "Jeugddienst"),
]

THEMES: Final = [
    _names(
        "Grants for stays abroad", "Bourses de séjour", "Zuschüsse für Auslandsaufenthalte", "Beurzen voor verblijven"
    ),
    _names(
        "Recognition of learning outcomes",
        "Reconnaissance des acquis",
        "Anerkennung von Lernergebnissen",
        "Erkenning van leerresultaten",
    ),
    _names("Language courses before departure", "Cours de langue", "Sprachkurse vor der Abreise", "Taalcursussen"),
    _names(
        "Guidance for mobile learners",
        "Orientation des apprenants mobiles",
        "Beratung mobiler Lernender",
        "Begeleiding van mobiele lerenden",
    ),
    _names(
        "Cross-border apprenticeships",
        "Apprentissage transfrontalier",
        "Grenzüberschreitende Ausbildung",
        "Grensoverschrijdend leerlingwezen",
    ),
    _names(
        "Places for disadvantaged learners",
        "Places pour apprenants défavorisés",
        "Plätze für benachteiligte Lernende",
        "Plaatsen voor kansarme lerenden",
    ),
    _names("Quality of placements", "Qualité des stages", "Qualität von Praktika", "Kwaliteit van stages"),
    _names("Portable allowances", "Allocations transférables", "Mitnehmbare Beihilfen", "Meeneembare toelagen"),
    _names("Partnerships of schools", "Partenariats d'écoles", "Schulpartnerschaften", "Partnerschappen van scholen"),
    _names("Digital tools", "Outils numériques", "Digitale Werkzeuge", "Digitale hulpmiddelen"),
    _names("Mentors in companies", "Mentors en entreprise", "Mentoren in Betrieben", "Mentoren in bedrijven"),
    _names("Evaluation of projects", "Évaluation de projets", "Evaluierung von Projekten", "Evaluatie van projecten"),
    _names("Insurance for trainees", "Assurance des stagiaires", "Versicherung", "Verzekering van stagiairs"),
    _names("Information campaigns", "Campagnes d'information", "Informationskampagnen", "Voorlichtingscampagnes"),
    _names("Host families", "Familles d'accueil", "Gastfamilien", "Gastgezinnen"),
]

RARE: Final = _names(
    "Sign language interpreters", "Interprètes en langue des signes", "Gebärdensprache", "Gebarentolken"
)
"""A theme that few developments have: what the text filter looks for."""

GROUPS: Final = [
    "apprentices in small companies",
    "learners in their first year",
    "trainers and teachers",
    "young people out of work",
    "pupils of vocational schools",
    "adults who return to learning",
    "graduates of the last two years",
    "learners with special needs",
]
