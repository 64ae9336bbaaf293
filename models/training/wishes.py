"""Wishes with words around them, and speech that holds none: python wishes.py FOLDER ASSETS PROMPTS TEXTS

TEXTS is the folder of Debian's `fortunes` (usr/share/games/fortunes); the others are as trials.py has
them. Two halves that share neither voices nor menus nor the words around: what the engine's constants
are fitted on, and what it is judged by. No training knows any of these voices.
"""

import re
import sys
from pathlib import Path

import numpy as np
import soundfile

import synthesize
import texts
from trials import RATE, asterisk_texts, festival, manifest, write

# A menu's options, by the key, and how callers who say more name them.
ENGLISH = {
    "tuning": [
        {"track": "to track my parcel", "refund": "a refund", "change delivery": "to change delivery",
         "damaged": "a damaged parcel", "opening hours": "your opening hours", "money back": "my money back"},
        {"lost card": "a lost card", "balance": "my balance", "payment": "a payment", "loan": "a loan",
         "open an account": "to open an account"},
    ],
    "held": [
        {"bill": "my bill", "internet": "the internet", "new contract": "a new contract",
         "cancel": "to cancel", "roaming": "roaming", "invoice": "an invoice"},
        {"toothache": "toothache", "book a checkup": "to book a checkup", "emergency": "an emergency",
         "prices": "your prices", "directions": "directions"},
    ],
}
ENGLISH_HUMAN = {
    "tuning": {"operator": "an operator", "agent": "an agent", "human": "a human", "customer service": "customer service",
               "speak to someone": "to speak to someone"},
    "held": {"operator": "the operator", "agent": "an agent", "representative": "a representative",
             "talk to a person": "to talk to a person", "real person": "a real person"},
}
ENGLISH_AROUND = {
    "tuning": ["i'd like {} please", "um, {}, thanks", "it's about {}", "i need {}", "hello, i want {}"],
    "held": ["i would like {}", "uh, {}, please", "hi, i'm calling about {}", "can you help me with {}",
             "well, i need {}, thank you"],
}
# Where the option is something to do.
ENGLISH_TO_DO = {
    "tuning": ["i'd like to {}", "can i {} please", "um, {}, thanks", "i need to {}", "hello, i want to {}"],
    "held": ["i would like to {}", "could i {} please", "hi, i'm calling to {}", "can you help me to {}",
             "well, i have to {}, thank you"],
}
MANDARIN = {
    "tuning": ["查快递 退款 更改派送 破损 价格".split(), "挂失 查余额 转账 贷款 开户".split()],
    "held": ["查话费 宽带故障 办套餐 销户 发票".split(), "牙疼 洗牙 急诊 停车 改时间".split()],
}
MANDARIN_HUMAN = {"tuning": "人工 转人工 客服 真人".split(), "held": "转人工 人工服务 接线员 找客服".split()}
MANDARIN_AROUND = {
    "tuning": "我想{} 请帮我{} {}谢谢 嗯{} 你好我要{}".split(),
    "held": "我要{} 麻烦帮我{}一下 我想要{}谢谢 那个{} 请问可以{}吗".split(),
}
FESTIVAL = {"tuning": ["kal_diphone"], "held": ["ked_diphone", "cmu_us_slt_arctic_hts"]}
VARIANTS = {"tuning": "Andy linda iven2 edward2 gustave".split(), "held": "f4 m7 iven4 steph2 grandpa klatt5".split()}
EVERYWHERE = """operators? agents? representatives? humans? persons? people customer services? support care help desk
advisers? receptionists? call centre staff members? someone somebody transfer connect machines? put me through repeat
say that again pardon once more come again options slower slow slowly too fast more time back previous zero one two three
four five six seven eight nine number option press"""


def wishes(half, language):
    """(what is said, the option or "HUMAN", the menu) of each wish."""
    menus = (ENGLISH if language == "en" else MANDARIN)[half]
    human = (ENGLISH_HUMAN if language == "en" else MANDARIN_HUMAN)[half]
    for menu in menus:
        options = dict(menu) if language == "en" else {option: option for option in menu}
        people = dict(human) if language == "en" else {word: word for word in human}
        grammar = "|".join(["everywhere"] + [f"{key + 1}={option}" for key, option in enumerate(options)])
        for option, name in list(options.items()) + list(people.items()):
            meant = "HUMAN" if option in people else option
            yield option, meant, grammar
            if language == "zh":
                around = MANDARIN_AROUND[half]
            else:
                to_do = name.startswith("to ")
                around, name = (ENGLISH_TO_DO if to_do else ENGLISH_AROUND)[half], name.removeprefix("to ")
            for carrier in around:
                yield carrier.format(name), meant, grammar


def spoken(folder, voice, language, lines):
    """Recordings of the lines, by one of Festival's voices or by variants of espeak-ng."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(voice, str):
        # Festival does not know how to say "toothache".
        return festival(folder, voice, [line.replace('"', "").replace("toothache", "tooth ache") for line in lines])
    rng = np.random.default_rng(len(lines))
    recordings = []
    for i, text in enumerate(lines):
        if language == "zh":
            text = " ".join(texts.lazy_pinyin(text, style=texts.Style.TONE3, neutral_tone_with_five=True))
        samples, rate = synthesize.espeak(rng, language, text, voice)
        recordings.append(write(folder / f"{i}.wav", samples / 32768, rate))
    return recordings


def voices(half, language):
    return (FESTIVAL[half] if language == "en" else []) + [VARIANTS[half]]


def name_of(voice):
    return voice if isinstance(voice, str) else "espeak"


def english_chatter(rng, folder, count):
    """Sentences of no more than twelve words, without any that can be said everywhere."""
    words = re.compile(r"\b(" + "|".join(EVERYWHERE.split()) + r")\b")
    options = {option for half in ENGLISH.values() for menu in half for option in menu}
    found = set()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix not in (".dat", ".u8"):
            text = re.sub(r"\s+", " ", path.read_text(errors="replace").replace("%", ". ").lower())
            for sentence in re.split(r"[.!?:;\"()]+", text):
                sentence = sentence.strip(" ,-'")
                is_plain = re.fullmatch(r"[a-z ,']+", sentence) and 4 <= len(sentence.split()) <= 12
                if is_plain and not words.search(sentence) and not any(option in sentence for option in options):
                    found.add(sentence)
    return [str(line) for line in rng.choice(sorted(found), count, replace=False)]


def mandarin_chatter(rng, count):
    sound = lambda text: " ".join(texts.lazy_pinyin(text)) + " "
    said = "人工 客服 真人 活人 接线员 话务员 工作人员 服务人员 找个人 人说 机器人 总机 再说 重复 重说 再讲 再听 重听 没听 说什么 再来 慢 太快 放慢 返回 后退 上一 回去".split()
    said += [option for half in MANDARIN.values() for menu in half for option in menu]
    sounds = [sound(words) for words in said]
    words, weights = texts.mandarin_words()
    weights = weights**1.5 / (weights**1.5).sum()
    lines = []
    while len(lines) < count:
        text = "".join(rng.choice(words, p=weights, size=rng.integers(3, 8)))
        if not any(it in sound(text) for it in sounds):
            lines.append(text)
    return lines


def other_speech(folder, half, assets, prompts, fortunes):
    rng = np.random.default_rng(7 if half == "tuning" else 8)
    rows = []
    for language, hours in [("en", 1.0), ("zh", 1.0)]:
        grammars = list(dict.fromkeys(grammar for *_, grammar in wishes(half, language)))
        kinds = voices(half, language)
        count = int(hours * 3600 / (3.3 if language == "en" else 2.7))
        lines = english_chatter(rng, fortunes, 4000) if language == "en" else mandarin_chatter(rng, count)
        # The halves share no text.
        lines = [line for i, line in enumerate(lines) if language == "zh" or i % 2 == (half == "held")][:count]
        for i, voice in enumerate(kinds):
            recordings = spoken(folder / half / f"other-{language}-{name_of(voice)}", voice, language, lines[i::len(kinds)])
            rows += [[path, language, "", grammars[j % len(grammars)]] for j, path in enumerate(recordings)]
        if language == "en":
            words = re.compile(r"\b(" + "|".join(EVERYWHERE.split()) + r")\b")
            found = sorted((path, text) for path, text in asterisk_texts(prompts).items() if not words.search(text))
            rows += [[path, "en", "", grammars[j % len(grammars)]] for j, (path, _) in enumerate(found)
                     if j % 2 == (half == "held")]
        if half == "held":
            for path in sorted((assets / "speech" / language).glob("*.wav")):
                samples, rate = soundfile.read(path)
                for i, start in enumerate(range(0, 0 if "cards" in path.name else len(samples) - rate, 6 * rate)):
                    cut = write(folder / half / f"{path.stem}-{i}.wav", samples[start: start + 6 * rate], rate)
                    rows.append([cut, language, "", grammars[i % len(grammars)]])
    manifest(folder / f"other-{half}.tsv", rows)


def main(folder, assets, prompts, fortunes):
    folder, assets, prompts, fortunes = map(Path, (folder, assets, prompts, fortunes))
    for half in ["tuning", "held"]:
        for language in ["en", "zh"]:
            rows = []
            said = list(wishes(half, language))
            for voice in voices(half, language):
                place = folder / half / f"wishes-{language}-{name_of(voice)}"
                recordings = spoken(place, voice, language, [line for line, *_ in said])
                rows += [[path, language, meant, grammar] for path, (_, meant, grammar) in zip(recordings, said)]
            manifest(folder / f"wishes-{language}-{half}.tsv", rows)
    for half in ["tuning", "held"]:
        other_speech(folder, half, assets, prompts, fortunes)


if __name__ == "__main__":
    main(*sys.argv[1:])
