"""Recordings and manifests to judge the engine by: python trials.py FOLDER ASSETS ASTERISK

ASSETS has digits/ and speech/ (the Free Spoken Digit Dataset; some English and Mandarin); ASTERISK
is the folder of Debian's asterisk-core-sounds-en-wav, with core-sounds-en.txt of
asterisk-core-sounds-en beside it. Nothing in here is trained with: Festival is an engine that the
training does not know, and so are these variants of espeak-ng for Mandarin. Then:
cargo bench --bench hearing -- FOLDER/*.tsv
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

import synthesize
import texts

RATE = 8000
HUMAN = """operator|agent|live agent|real agent|representative|human|human being|real human|person
real person|live person|customer service|customer support|help desk|adviser|receptionist
talk to a person|talk to a human|talk to an agent|talk to someone|speak to a person|speak to a human
speak to an agent|speak to someone|speak with a representative|speak to a representative
put me through|not a machine|repeat|repeat that|say that again|pardon|slower|slow down
i need more time|back|go back|previous menu""".replace("\n", "|").split("|")
MENUS = {
    "parcel": """track|where is my parcel|change delivery|redeliver|damaged|lost|refund|prices
collection point|customer service""".replace("\n", "|").split("|"),
    "bank": """lost|stolen|block my card|activate|new card|payment|transaction|branch|opening hours
banker""".replace("\n", "|").split("|"),
    "government": """passport|identity card|documents|appointment|tax|fees|office|opening hours
report|broken|officer""".replace("\n", "|").split("|"),
    # None of these words is in the training's lists of phrases.
    "dentist": """toothache|book a checkup|hygienist|emergency|my crown fell off|whitening
opening times|parking|change my visit|directions""".replace("\n", "|").split("|"),
}
MANDARIN_MENUS = {
    "快递": "查快递|查询包裹|更改派送|破损|丢失|退款|价格|自提点".split("|"),
    "银行": "挂失|丢卡|激活|交易|扣款|网点|营业时间".split("|"),
    "政务": "身份证|护照|预约|税费|办事大厅|报修|投诉".split("|"),
    "牙科": "牙疼|洗牙|补牙|急诊|矫正|停车|改时间".split("|"),
}
MANDARIN_HUMAN = "人工|转人工|人工服务|客服|真人|接线员|话务员|总机|再说一遍|重复|慢一点|太快了|返回".split("|")
CARDS = [f"{rank} of {suit}" for rank in "ace two three four five six seven eight nine ten jack queen king".split()
         for suit in "clubs diamonds hearts spades".split()]
CHATTER = """the weather was lovely all week and we went to the beach with the children
did you see the game last night it was really close until the very end
i think the blue one would look better in the kitchen than the green one
my brother is coming over on saturday and we are going to cook dinner
she told him that the train would leave at noon from the central station
turn the television down please i am on the phone
we had better buy some milk and bread before the shops close
the dog has been barking since early this morning""".split("\n")


def write(path, samples, rate):
    up, down = {8000: (1, 1), 16000: (1, 2), 22050: (160, 441), 24000: (1, 3), 32000: (1, 4)}[rate]
    audio = scipy.signal.resample_poly(np.asarray(samples, np.float64), up, down)
    # The engine is given 300 ms from before the speech, and a pause; a line is never quite silent.
    rng = np.random.default_rng(len(audio))
    whole = rng.normal(0, 6e-4, len(audio) + RATE * 5 // 10)
    whole[RATE * 3 // 10: len(audio) + RATE * 3 // 10] += audio * (0.3 / (np.abs(audio).max() + 1e-9))
    soundfile.write(path, whole, RATE, subtype="PCM_16")
    return path


def festival(folder, voice, lines):
    folder.mkdir(parents=True, exist_ok=True)
    script = [f"(voice_{voice})"]
    for i, text in enumerate(lines):
        script.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{folder}/{i}.raw.wav" \'riff)')
    subprocess.run(["festival", "--pipe"], input="\n".join(script), text=True, check=True, capture_output=True)
    return [write(folder / f"{i}.wav", *soundfile.read(folder / f"{i}.raw.wav")) for i in range(len(lines))]


def manifest(path, rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    print(path, len(rows))


def digits(folder, assets):
    (folder / "digits").mkdir(exist_ok=True)
    for speaker in ["george", "jackson", "lucas", "nicolas"]:
        rows = []
        for path in sorted((assets / "digits").glob(f"*_{speaker}_*.wav")):
            word = texts.DIGITS[int(path.name[0]) + (path.name[0] > "0")]
            samples, rate = soundfile.read(path)
            recording = write(folder / "digits" / path.name, samples, rate)
            rows.append([recording, "en", word, "digits 1 1"])
        manifest(folder / f"digits-{speaker}.tsv", rows)


def phrases(folder):
    for voice in ["kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"]:
        rows = []
        for menu, options in MENUS.items():
            said = options + HUMAN
            grammar = "|".join(dict.fromkeys(said))
            recordings = festival(folder / "festival" / voice / menu, voice, said)
            rows += [[recording, "en", text, grammar] for recording, text in zip(recordings, said)]
        manifest(folder / f"phrases-{voice}.tsv", rows)


def mandarin(folder, assets):
    rng = np.random.default_rng(5)
    rows = []
    for menu, options in MANDARIN_MENUS.items():
        said = options + MANDARIN_HUMAN
        grammar = "|".join(said)
        for i, text in enumerate(said):
            syllables = texts.lazy_pinyin(text, style=texts.Style.TONE3, neutral_tone_with_five=True)
            samples, rate = synthesize.espeak(rng, "zh", " ".join(syllables), synthesize.HELD_OUT_VARIANTS)
            path = folder / "mandarin" / f"{menu}-{i}.wav"
            path.parent.mkdir(exist_ok=True)
            rows.append([write(path, samples / 32768, rate), "zh", text, grammar])
    manifest(folder / "mandarin-synthetic.tsv", rows)
    rows = []
    for name, text in [("aishell-BAC009S0724W0121", "广州市房地产中介协会分析"),
                       ("cosyvoice-zero_shot_prompt", "希望你以后能够做的比我还好呦")]:
        samples, rate = soundfile.read(assets / "speech" / "zh" / f"{name}.wav")
        path = write(folder / f"{name}.wav", samples, rate)
        lists = sum(MANDARIN_MENUS.values(), MANDARIN_HUMAN)
        rows.append([path, "zh", text, "|".join([text] + lists)])
        rows.append([path, "zh", "", "|".join(lists)])
    manifest(folder / "mandarin-human.tsv", rows)


def asterisk_texts(folder):
    """Prompts of plain words: {file: words}."""
    found = {}
    for line in (folder / "core-sounds-en.txt").read_text(errors="replace").splitlines():
        name, _, text = line.partition(":")
        words = re.sub(r"[^a-z' ]", " ", text.lower().replace("’", "'")).split()
        path = folder / f"{name.strip()}.wav"
        if words and not re.search(r"[\[\]0-9;]", text) and path.exists():
            found[path] = " ".join(words)
    return found


def prompts(folder, asterisk):
    """Each studio prompt of two words or more among twenty others' texts."""
    rng = np.random.default_rng(6)
    found = asterisk_texts(asterisk)
    rows = []
    texts_of = sorted({text for text in found.values() if 2 <= len(text.split()) <= 12})
    for path, text in sorted(found.items()):
        if text in texts_of:
            others = [other for other in rng.choice(texts_of, 24, replace=False) if text not in other and other not in text]
            rows.append([path, "en", text, "|".join([text] + others[:20])])
    manifest(folder / "asterisk.tsv", rows)


def other_speech(folder, assets, asterisk):
    """What is none of a menu's phrases: read aloud, prompts, chatter."""
    grammar = "|".join(MENUS["parcel"] + HUMAN)
    words = re.compile(r"\b(" + "|".join(set(MENUS["parcel"] + HUMAN)) + r")\b")
    recordings = [path for path, text in asterisk_texts(asterisk).items() if not words.search(text)]
    for path in sorted((assets / "speech" / "en").glob("*.wav")):
        if "cards" not in path.name:
            samples, rate = soundfile.read(path)
            # As an end-pointer would cut it: at most some seconds at a time.
            step = 6 * rate
            for i, start in enumerate(range(0, len(samples) - rate, step)):
                recordings.append(write(folder / f"{path.stem}-{i}.wav", samples[start: start + step], rate))
    for voice in ["kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"]:
        recordings += festival(folder / "festival" / voice / "chatter", voice, CHATTER)
    manifest(folder / "other-speech.tsv", [[path, "en", "", grammar] for path in recordings])


def cards(folder, assets):
    rows = []
    for i, text in [(1, "ten of clubs"), (2, "queen of clubs"), (3, "seven of clubs")]:
        samples, rate = soundfile.read(assets / "speech" / "en" / f"cards-00{i}.wav")
        rows.append([write(folder / f"cards-{i}.wav", samples, rate), "en", text, "|".join(CARDS)])
    manifest(folder / "cards.tsv", rows)


def main(folder, assets, asterisk):
    folder, assets, asterisk = Path(folder), Path(assets), Path(asterisk)
    folder.mkdir(parents=True, exist_ok=True)
    digits(folder, assets)
    phrases(folder)
    prompts(folder, asterisk)
    cards(folder, assets)
    mandarin(folder, assets)
    other_speech(folder, assets, asterisk)


if __name__ == "__main__":
    main(*sys.argv[1:])
