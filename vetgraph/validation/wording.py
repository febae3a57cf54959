"""The fixed words of reports, in the four languages: what is wrong, by constraint component."""

from __future__ import annotations

from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode

from vetgraph.vocab import LANGUAGES, XSD, shorten

LONGEST: Final = 120
"""Characters of a value that are shown in words."""

PROBLEMS: Final[dict[str, tuple[str, str, str, str]]] = {
    # key: (en, fr, de, nl), in the order of vocab.LANGUAGES
    "minCount": (
        "number of values: {count}; needed: at least {limit}.",
        "nombre de valeurs : {count} ; il en faut au moins {limit}.",
        "Zahl der Werte: {count}; nötig: mindestens {limit}.",
        "aantal waarden: {count}; nodig: minstens {limit}.",
    ),
    "missing": (
        "is missing.",
        "manque.",
        "fehlt.",
        "ontbreekt.",
    ),
    "maxCount": (
        "number of values: {count}; allowed: at most {limit}.",
        "nombre de valeurs : {count} ; {limit} au plus.",
        "Zahl der Werte: {count}; erlaubt: höchstens {limit}.",
        "aantal waarden: {count}; toegestaan: hoogstens {limit}.",
    ),
    "datatype": (
        "{value} is {actual}, but must be {limit}.",
        "{value} est {actual}, mais doit être {limit}.",
        "{value} ist {actual}, muss aber {limit} sein.",
        "{value} is {actual}, maar moet {limit} zijn.",
    ),
    "illTyped": (
        "{value} is not a valid {limit}.",
        "{value} n’est pas une valeur valide de {limit}.",
        "{value} ist kein gültiger Wert von {limit}.",
        "{value} is geen geldige waarde van {limit}.",
    ),
    "class": (
        "{value} must be of the class {limit}, but is {actual}.",
        "{value} doit être de la classe {limit}, mais est {actual}.",
        "{value} muss zur Klasse {limit} gehören, ist aber {actual}.",
        "{value} moet tot de klasse {limit} behoren, maar is {actual}.",
    ),
    "nodeKind": (
        "{value} is of the wrong kind; what is needed: {limit}.",
        "{value} n’est pas du bon genre ; attendu : {limit}.",
        "{value} ist von der falschen Art; erwartet: {limit}.",
        "{value} is van de verkeerde soort; verwacht: {limit}.",
    ),
    "in": (
        "{value} is not one of the allowed values: {limit}.",
        "{value} ne fait pas partie des valeurs permises : {limit}.",
        "{value} ist keiner der erlaubten Werte: {limit}.",
        "{value} is geen van de toegestane waarden: {limit}.",
    ),
    "pattern": (
        "{value} does not have the expected form ({limit}).",
        "{value} n’a pas la forme attendue ({limit}).",
        "{value} hat nicht die erwartete Form ({limit}).",
        "{value} heeft niet de verwachte vorm ({limit}).",
    ),
    "minLength": (
        "{value} is shorter than {limit} characters.",
        "{value} compte moins de {limit} caractères.",
        "{value} ist kürzer als {limit} Zeichen.",
        "{value} is korter dan {limit} tekens.",
    ),
    "maxLength": (
        "{value} is longer than {limit} characters.",
        "{value} compte plus de {limit} caractères.",
        "{value} ist länger als {limit} Zeichen.",
        "{value} is langer dan {limit} tekens.",
    ),
    "minInclusive": (
        "{value} is not at least {limit}.",
        "{value} n’est pas supérieur ou égal à {limit}.",
        "{value} ist nicht mindestens {limit}.",
        "{value} is niet minstens {limit}.",
    ),
    "maxInclusive": (
        "{value} is not at most {limit}.",
        "{value} n’est pas inférieur ou égal à {limit}.",
        "{value} ist nicht höchstens {limit}.",
        "{value} is niet hoogstens {limit}.",
    ),
    "minExclusive": (
        "{value} is not greater than {limit}.",
        "{value} n’est pas supérieur à {limit}.",
        "{value} ist nicht größer als {limit}.",
        "{value} is niet groter dan {limit}.",
    ),
    "maxExclusive": (
        "{value} is not less than {limit}.",
        "{value} n’est pas inférieur à {limit}.",
        "{value} ist nicht kleiner als {limit}.",
        "{value} is niet kleiner dan {limit}.",
    ),
    "hasValue": (
        "lacks the required value {limit}.",
        "n’a pas la valeur requise {limit}.",
        "hat den nötigen Wert {limit} nicht.",
        "heeft de vereiste waarde {limit} niet.",
    ),
    "languageIn": (
        "{value} is not in one of the languages {limit}.",
        "{value} n’est dans aucune des langues {limit}.",
        "{value} ist in keiner der Sprachen {limit}.",
        "{value} is in geen van de talen {limit}.",
    ),
    "uniqueLang": (
        "has more than one text in the same language.",
        "a plus d’un texte dans la même langue.",
        "hat mehr als einen Text in derselben Sprache.",
        "heeft meer dan één tekst in dezelfde taal.",
    ),
    "equals": (
        "{value} must also be a value of {limit}, and the other way round.",
        "{value} doit aussi être une valeur de {limit}, et inversement.",
        "{value} muss auch ein Wert von {limit} sein und umgekehrt.",
        "{value} moet ook een waarde van {limit} zijn, en omgekeerd.",
    ),
    "disjoint": (
        "{value} must not also be a value of {limit}.",
        "{value} ne doit pas être aussi une valeur de {limit}.",
        "{value} darf nicht zugleich ein Wert von {limit} sein.",
        "{value} mag niet ook een waarde van {limit} zijn.",
    ),
    "lessThan": (
        "{value} must be less than the value of {limit}.",
        "{value} doit être inférieur à la valeur de {limit}.",
        "{value} muss kleiner sein als der Wert von {limit}.",
        "{value} moet kleiner zijn dan de waarde van {limit}.",
    ),
    "lessThanOrEquals": (
        "{value} must not be greater than the value of {limit}.",
        "{value} ne doit pas dépasser la valeur de {limit}.",
        "{value} darf nicht größer sein als der Wert von {limit}.",
        "{value} mag niet groter zijn dan de waarde van {limit}.",
    ),
    "qualifiedMinCount": (
        "has too few values of the required kind; at least {limit} needed.",
        "a trop peu de valeurs du genre requis ; il en faut au moins {limit}.",
        "hat zu wenige Werte der nötigen Art; mindestens {limit} sind nötig.",
        "heeft te weinig waarden van de vereiste soort; minstens {limit} nodig.",
    ),
    "qualifiedMaxCount": (
        "has too many values of the described kind; at most {limit} allowed.",
        "a trop de valeurs du genre décrit ; {limit} au plus sont permises.",
        "hat zu viele Werte der beschriebenen Art; höchstens {limit} sind erlaubt.",
        "heeft te veel waarden van de beschreven soort; hoogstens {limit} toegestaan.",
    ),
    "closed": (
        "may not be used here: a thing of this kind has no such property.",
        "ne peut pas servir ici : une chose de ce genre n’a pas cette propriété.",
        "darf hier nicht stehen: Dinge dieser Art haben diese Eigenschaft nicht.",
        "mag hier niet worden gebruikt: dingen van deze soort hebben die eigenschap niet.",
    ),
    "node": (
        "{value} is not as {limit} requires.",
        "{value} n’est pas conforme à {limit}.",
        "{value} entspricht nicht {limit}.",
        "{value} voldoet niet aan {limit}.",
    ),
    "or": (
        "{value} fits none of the alternatives.",
        "{value} ne convient à aucune des possibilités.",
        "{value} passt zu keiner der Möglichkeiten.",
        "{value} past bij geen van de mogelijkheden.",
    ),
    "xone": (
        "{value} must fit exactly one of the alternatives.",
        "{value} doit convenir à exactement une des possibilités.",
        "{value} muss zu genau einer der Möglichkeiten passen.",
        "{value} moet bij precies één van de mogelijkheden passen.",
    ),
    "and": (
        "{value} does not meet all of the conditions.",
        "{value} ne remplit pas toutes les conditions.",
        "{value} erfüllt nicht alle Bedingungen.",
        "{value} voldoet niet aan alle voorwaarden.",
    ),
    "not": (
        "{value} is as it must not be.",
        "{value} est tel qu’il ne doit pas être.",
        "{value} ist so, wie es nicht sein darf.",
        "{value} is zoals het niet mag zijn.",
    ),
    "sparql": (
        "does not meet a rule of {limit}.",
        "ne respecte pas une règle de {limit}.",
        "erfüllt eine Regel von {limit} nicht.",
        "voldoet niet aan een regel van {limit}.",
    ),
    "any": (
        "{value} is not as the shape requires.",
        "{value} n’est pas conforme à la forme.",
        "{value} entspricht der Form nicht.",
        "{value} voldoet niet aan de vorm.",
    ),
    "dangling": (
        "refers to {value}, which exists neither here nor in the submission.",
        "renvoie à {value}, qui n’existe ni ici ni dans la proposition.",
        "verweist auf {value}; das gibt es weder hier noch in der Einreichung.",
        "verwijst naar {value}, dat hier noch in de inzending bestaat.",
    ),
    "orphaned": (
        "would still refer to {value}, which the change removes.",
        "renverrait encore à {value}, que la modification supprime.",
        "würde noch auf {value} verweisen, das die Änderung entfernt.",
        "zou nog verwijzen naar {value}, dat de wijziging verwijdert.",
    ),
    "unseen": (
        "refers to {value}, which the submission does not describe; judged alone, nobody can tell.",
        "renvoie à {value}, que la proposition ne décrit pas ; jugée seule, on ne peut conclure.",
        "verweist auf {value}, das die Einreichung nicht beschreibt; für sich allein ist das offen.",
        "verwijst naar {value}, dat de inzending niet beschrijft; los daarvan is dat niet te zeggen.",
    ),
    "undeclared": (
        "{value} is not a term of the ontology.",
        "{value} n’est pas un terme de l’ontologie.",
        "{value} ist kein Begriff der Ontologie.",
        "{value} is geen term van de ontologie.",
    ),
    "noScheme": (
        "is a concept, but belongs to no code list.",
        "est un concept, mais n’appartient à aucune liste de codes.",
        "ist ein Begriff, gehört aber zu keiner Codeliste.",
        "is een begrip, maar hoort bij geen codelijst.",
    ),
    "otherScheme": (
        "has the address of one code list, but is said to belong to {value}.",
        "a l’adresse d’une liste de codes, mais est dit appartenir à {value}.",
        "hat die Adresse einer Codeliste, soll aber zu {value} gehören.",
        "heeft het adres van een codelijst, maar zou bij {value} horen.",
    ),
    "notInVocabulary": (
        "{value} is not defined by the vocabulary of its prefix.",
        "{value} n’est pas défini par le vocabulaire de son préfixe.",
        "{value} ist im Vokabular seines Präfixes nicht definiert.",
        "{value} is niet gedefinieerd in de vocabulaire van zijn prefix.",
    ),
    "unknownPredicate": (
        "{value} is used nowhere in the data, shapes or ontology so far.",
        "{value} n’est employé nulle part dans les données, formes ou ontologie.",
        "{value} kommt bisher weder in Daten noch in Formen oder Ontologie vor.",
        "{value} komt tot nu toe niet voor in data, vormen of ontologie.",
    ),
}

ADVICE: Final[dict[str, tuple[str, str, str, str]]] = {
    "dangling": (
        "Create it, or correct the IRI.",
        "Créez cette ressource ou corrigez l’IRI.",
        "Legen Sie es an oder berichtigen Sie die IRI.",
        "Maak het aan of verbeter de IRI.",
    ),
    "suggest": (
        "Did you mean {limit}?",
        "Vouliez-vous dire {limit} ?",
        "Meinten Sie {limit}?",
        "Bedoelde u {limit}?",
    ),
    "orphaned": (
        "Change that reference too, or keep what it refers to.",
        "Modifiez aussi ce renvoi ou gardez ce qu’il désigne.",
        "Ändern Sie auch diesen Verweis oder behalten Sie das Ziel.",
        "Wijzig ook die verwijzing of behoud waarnaar ze verwijst.",
    ),
    "unseen": (
        "Validate in the context of the store, or include a description.",
        "Validez dans le contexte de la base ou joignez une description.",
        "Prüfen Sie im Zusammenhang des Bestands oder fügen Sie eine Beschreibung bei.",
        "Valideer in de context van de opslag of voeg een beschrijving toe.",
    ),
    "undeclared": (
        "Use a declared term, or propose this one for the ontology.",
        "Utilisez un terme déclaré ou proposez celui-ci pour l’ontologie.",
        "Verwenden Sie einen deklarierten Begriff oder schlagen Sie diesen vor.",
        "Gebruik een gedeclareerde term of stel deze voor.",
    ),
    "noScheme": (
        "Say to which list it belongs with skos:inScheme.",
        "Indiquez sa liste avec skos:inScheme.",
        "Geben Sie die Liste mit skos:inScheme an.",
        "Geef de lijst op met skos:inScheme.",
    ),
    "otherScheme": (
        "Give the list that its address names.",
        "Indiquez la liste que nomme son adresse.",
        "Geben Sie die Liste an, die in der Adresse steht.",
        "Geef de lijst op die in het adres staat.",
    ),
    "unknownPredicate": (
        "Check the spelling; if it is meant, nothing needs doing.",
        "Vérifiez l’orthographe ; si c’est voulu, il n’y a rien à faire.",
        "Prüfen Sie die Schreibweise; ist es so gemeint, ist nichts zu tun.",
        "Controleer de spelling; is het zo bedoeld, dan hoeft er niets.",
    ),
}

WORDS: Final[dict[str, tuple[str, str, str, str]]] = {
    "violation": ("violation", "violation", "Verstoß", "overtreding"),
    "warning": ("warning", "avertissement", "Warnung", "waarschuwing"),
    "info": ("note", "remarque", "Hinweis", "opmerking"),
    "conforms": ("Conforms.", "Conforme.", "Konform.", "Conform."),
    "fails": ("Does not conform.", "Non conforme.", "Nicht konform.", "Niet conform."),
    "counts": (
        "Violations: {violation}. Warnings: {warning}. Notes: {info}. Things judged: {judged}.",
        "Violations : {violation}. Avertissements : {warning}. Remarques : {info}. Choses jugées : {judged}.",
        "Verstöße: {violation}. Warnungen: {warning}. Hinweise: {info}. Geprüfte Dinge: {judged}.",
        "Overtredingen: {violation}. Waarschuwingen: {warning}. Opmerkingen: {info}. Beoordeelde dingen: {judged}.",
    ),
    "version": (
        "Judged in the context of version {version}.",
        "Jugé dans le contexte de la version {version}.",
        "Geprüft im Zusammenhang der Version {version}.",
        "Beoordeeld in de context van versie {version}.",
    ),
    "alone": (
        "Judged alone, without the published data.",
        "Jugé seul, sans les données publiées.",
        "Für sich allein geprüft, ohne die veröffentlichten Daten.",
        "Los beoordeeld, zonder de gepubliceerde data.",
    ),
    "more": (
        "Findings not shown here: {more}. The JSON, RDF and SARIF reports have them all.",
        "Constats non montrés ici : {more}. Les rapports JSON, RDF et SARIF les ont tous.",
        "Hier nicht gezeigte Befunde: {more}. JSON-, RDF- und SARIF-Bericht haben alle.",
        "Hier niet getoonde bevindingen: {more}. De JSON-, RDF- en SARIF-rapporten hebben ze alle.",
    ),
    "unjudged": (
        "Things that depend on what was changed, but were too many to judge again: {unjudged}.",
        "Choses qui dépendent de ce qui a changé, trop nombreuses pour être jugées à nouveau : {unjudged}.",
        "Dinge, die vom Geänderten abhängen, aber zu viele sind, um erneut geprüft zu werden: {unjudged}.",
        "Dingen die van het gewijzigde afhangen, te veel om opnieuw te beoordelen: {unjudged}.",
    ),
    "empty": (
        "No triples were submitted.",
        "Aucun triplet n’a été soumis.",
        "Es wurden keine Tripel eingereicht.",
        "Er zijn geen triples ingediend.",
    ),
    "do": ("what to do", "à faire", "zu tun", "wat te doen"),
    "plain": ("a plain text", "un simple texte", "ein einfacher Text", "een gewone tekst"),
    "tagged": (
        "a text in a language",
        "un texte dans une langue",
        "ein Text in einer Sprache",
        "een tekst in een taal",
    ),
    "aThing": ("an IRI", "un IRI", "eine IRI", "een IRI"),
    "untyped": ("of no class", "sans classe", "ohne Klasse", "zonder klasse"),
    "blank": ("a blank node", "un nœud anonyme", "ein anonymer Knoten", "een anonieme knoop"),
    "typed": ("of type {type}", "du type {type}", "vom Typ {type}", "van het type {type}"),
}


def word(key: str, language: str) -> str:
    """Return a fixed word in a language, English where the language is not one of ours."""
    return WORDS[key][_column(language)]


def _column(language: str) -> int:
    return LANGUAGES.index(language) if language in LANGUAGES else 0


def problem(key: str, **facts: str | dict[str, str]) -> dict[str, str]:
    """Return what is wrong, by language. A fact may itself differ by language."""
    return _filled(PROBLEMS.get(key) or PROBLEMS["any"], facts)


def advice(key: str, **facts: str) -> dict[str, str]:
    """Return what to do, by language."""
    return _filled(ADVICE[key], dict(facts))


def _filled(templates: tuple[str, str, str, str], facts: dict[str, str | dict[str, str]]) -> dict[str, str]:
    texts = {}
    for language, template in zip(LANGUAGES, templates, strict=True):
        here = {name: fact if isinstance(fact, str) else fact[language] for name, fact in facts.items()}
        # Replaced one by one: a value may itself hold braces.
        text = template
        for name in ("count", "limit", "actual", "value"):
            mark = "{" + name + "}"
            if mark in text:
                text = here.get(name, "").join(text.split(mark))
        texts[language] = text
    return texts


def show(term: object, names: dict[str, str] | None = None, longest: int = LONGEST) -> str:
    """Return a term in words: shortened, quoted, cut where it is long.

    >>> show(NamedNode("https://w3id.org/vetgraph/id/anefore"))
    'id:anefore'
    """
    if isinstance(term, NamedNode):
        name = shorten(term.value)
        return cut(f"<{name}>" if name == term.value else name, longest)
    if isinstance(term, BlankNode):
        return (names or {}).get(term.value, "[…]")
    if not isinstance(term, Literal):
        return str(term)
    text = "“" + cut(term.value.replace("\n", " ").replace("\r", " "), longest) + "”"
    if term.language:
        return f"{text}@{term.language}"
    if term.datatype.value == XSD + "string":
        return text
    return f"{text}^^{shorten(term.datatype.value)}"


def cut(text: str, longest: int = LONGEST) -> str:
    """Return a text, shortened with an ellipsis where it is longer.

    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def kind_of(term: object) -> dict[str, str]:
    """Return what sort of term it is, by language."""
    if isinstance(term, NamedNode):
        return _all("aThing")
    if isinstance(term, BlankNode):
        return _all("blank")
    if isinstance(term, Literal) and term.language:
        return _all("tagged")
    if isinstance(term, Literal) and term.datatype.value != XSD + "string":
        name = shorten(term.datatype.value)
        return {key: text.replace("{type}", name) for key, text in _all("typed").items()}
    return _all("plain")


def _all(key: str) -> dict[str, str]:
    return dict(zip(LANGUAGES, WORDS[key], strict=True))


def no_class() -> dict[str, str]:
    """Return the words for a thing that has no class, by language."""
    return _all("untyped")
