"""Writes English pronunciations: python lexicon.py FOLDER

english-words.txt: "word<tab>phones[ phones]", sorted by bytes; a phone is one character, its unit's
index from 'A' on. english-letters.txt: letters to sounds for words that are not there.
"""

import math
import sys
from collections import Counter, defaultdict

import units

# A letter and its neighbours, the most telling first; "#" is the word's edge. A rule's key is the
# letters at a beginning of this list.
NEIGHBOURS = [0, 1, -1, 2, -2, 3, -3, 4, -4]
FEWEST = 3


def code(phones):
    return "".join(chr(ord("A") + units.INDEX["en"][phone] - 1) for phone in phones)


def words():
    """{word: [coded pronunciations]} of plain words."""
    plain = lambda word: all(c.isascii() and (c.isalpha() or c == "'") for c in word) and word[0].isalpha()
    return {w: [code(p) for p in entries] for w, entries in units.dictionary().items() if plain(w)}


def align(pairs, rounds=4, sample=12000):
    """Which letter says what: for each (word, phones) a list of phone strings, one a letter."""
    odds = {}
    some = pairs[:: max(1, len(pairs) // sample)]
    for _ in range(rounds):
        seen, letters = Counter(), Counter()
        for word, phones in some:
            path = best_path(word, phones, odds)
            if path:
                seen.update(zip(word, path))
                letters.update(word)
        odds = {key: math.log(n / letters[key[0]]) for key, n in seen.items()}
    return [best_path(word, phones, odds) for word, phones in pairs]


def best_path(word, phones, odds):
    """Each letter says no phone, one or two; one at first thought."""
    unseen = -14.0 if odds else 0.0
    prior = (-0.5, 0.0, -1.0)
    rows = [{0: (0.0, 0)}]
    for i, letter in enumerate(word):
        row = {}
        for j, (score, _) in rows[-1].items():
            for n in range(min(2, len(phones) - j) + 1):
                new = score + odds.get((letter, phones[j: j + n]), unseen) + prior[n]
                if j + n not in row or new > row[j + n][0]:
                    row[j + n] = new, n
        rows.append(row)
    path, j = [], len(phones)
    for row in reversed(rows[1:]):
        if j not in row:
            return None
        n = row[j][1]
        path.append(phones[j - n: j])
        j -= n
    return path[::-1]


def context(word, i):
    letter = lambda at: word[at] if 0 <= at < len(word) else "#"
    return "".join(letter(i + offset) for offset in NEIGHBOURS)


def rules(pairs, aligned):
    """{key: phones}: a key is kept where it says other than the longest shorter one."""
    counts = defaultdict(Counter)
    for (word, _), path in zip(pairs, aligned):
        for i, said in enumerate(path or []):
            key = context(word, i)
            for n in range(1, len(key) + 1):
                counts[key[:n]][said] += 1
    kept = {}
    for key in sorted(counts, key=len):
        said, count = counts[key].most_common(1)[0]
        shorter = next((kept[key[:n]] for n in range(len(key) - 1, 0, -1) if key[:n] in kept), None)
        if said != shorter and (count >= FEWEST or len(key) == 1):
            kept[key] = said
    return kept


def pronounce(kept, word):
    phones = ""
    for i in range(len(word)):
        key = context(word, i)
        phones += next((kept[key[:n]] for n in range(len(key), 0, -1) if key[:n] in kept), "")
    return phones


def main(folder):
    lexicon = words()
    with open(f"{folder}/english-words.txt", "w") as file:
        file.writelines(f"{word}\t{' '.join(lexicon[word])}\n" for word in sorted(lexicon))
    pairs = [(word, entries[0]) for word, entries in sorted(lexicon.items()) if "'" not in word]
    held_out = [pair for i, pair in enumerate(pairs) if i % 50 == 0]
    train = [pair for i, pair in enumerate(pairs) if i % 50]
    kept = rules(train, align(train))
    right = sum(pronounce(kept, word) in lexicon[word] for word, _ in held_out)
    print(f"letters to sounds: {right / len(held_out):.1%} of {len(held_out)} held-out words, {len(kept)} rules")
    with open(f"{folder}/english-letters.txt", "w") as file:
        file.writelines(f"{key}\t{kept[key]}\n" for key in sorted(kept))


if __name__ == "__main__":
    main(sys.argv[1])
