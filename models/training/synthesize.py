"""Synthetic callers: python synthesize.py FOLDER VOICES... ; writes one shard a voice.

A shard FOLDER/VOICE.npz has the utterances end to end at 8 kHz ("audio", i16), where each ends
("ends"), their units end to end ("units", u8) with "unit_ends", and the "language".
"""

import ctypes
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

import texts
import units

RATE = 8000
# Held out of training: VARIANTS are espeak-ng's for Mandarin's evaluation.
HELD_OUT_VARIANTS = "f4 m7 Andy linda".split()
VARIANTS = """Alex Alicia Andrea Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario
Michael Mike Nguyen RicishayMax RicishayMax3 Storm adam anika antonio aunty belinda benjamin boris
caleb david ed edward f1 f2 f3 f5 grandma iven iven3 john kaukovalta klatt2 klatt3 klatt4 klatt6 m1
m2 m3 m4 m5 m6 m8 marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby
steph steph3 travis victor zac""".split()
ACCENTS = "en-us en-us en-us en-us en-us-nyc en-gb en-gb-x-rp en-gb-scotland en-029 en-gb-x-gbclan".split()
# Voice: language and how many utterances.
PLAN = {
    "slt": ("en", 8000), "rms": ("en", 7000), "awb": ("en", 7000), "kal": ("en", 4000),
    "kal16": ("en", 2000), "espeak": ("en", 12000), "espeak-zh": ("zh", 18000),
    "espeak-zh-held-out": ("zh", 400),
}


class Wave(ctypes.Structure):
    _fields_ = [("type", ctypes.c_char_p), ("rate", ctypes.c_int), ("samples", ctypes.c_int),
                ("channels", ctypes.c_int), ("data", ctypes.POINTER(ctypes.c_short))]


class Flite:
    """A voice of Debian's libflite1."""

    def __init__(self, name):
        load = lambda library: ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        self.lib = load("libflite.so.1")
        load("libflite_cmulex.so.1")
        load("libflite_usenglish.so.1")
        voice = load(f"libflite_cmu_us_{name}.so.1")
        self.lib.flite_init()
        register = getattr(voice, f"register_cmu_us_{name}")
        register.restype = ctypes.c_void_p
        self.voice = ctypes.c_void_p(register(None))
        self.lib.flite_text_to_wave.restype = ctypes.POINTER(Wave)
        # The voice's second field is its features.
        self.features = ctypes.cast(self.voice, ctypes.POINTER(ctypes.c_void_p))[1]

    def set(self, name, value):
        self.lib.flite_feat_set_float(ctypes.c_void_p(self.features), name, ctypes.c_float(value))

    def say(self, rng, text):
        self.set(b"duration_stretch", rng.uniform(0.75, 1.35))
        self.set(b"f0_shift", rng.uniform(0.75, 1.35))
        wave = self.lib.flite_text_to_wave(text.encode(), self.voice)
        samples = np.ctypeslib.as_array(wave.contents.data, (wave.contents.samples,)).copy()
        rate = wave.contents.rate
        self.lib.delete_wave(wave)
        return samples, rate


def espeak(rng, language, text, variants):
    accent = "cmn-latn-pinyin" if language == "zh" else ACCENTS[rng.integers(len(ACCENTS))]
    speed, pitch = rng.integers(100, 230), rng.integers(15, 90)
    voice = f"{accent}+{variants[rng.integers(len(variants))]}"
    command = ["espeak-ng", "-b", "1", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="int16")
    return samples, rate


def at_telephone_rate(samples, rate):
    up, down = {8000: (1, 1), 16000: (1, 2), 22050: (160, 441)}[rate]
    audio = samples.astype(np.float32)
    if up != down:
        audio = scipy.signal.resample_poly(audio, up, down)
    loud = np.flatnonzero(np.abs(audio) > 60)
    if len(loud) == 0:
        return None
    # Training adds silence of its own.
    audio = audio[max(loud[0] - 400, 0): loud[-1] + 400]
    return np.clip(audio * (20000 / np.abs(audio).max()), -32768, 32767).astype(np.int16)


def utterance(rng, voice, language, flite):
    """Samples and units, or None where the text cannot be labelled or is longer than 5 s."""
    if language == "zh":
        said = texts.mandarin(rng)
        label = units.mandarin_units(said)
    else:
        said = texts.english(rng)
        label = units.english_units(said)
    if not label:
        return None
    text = " ".join(said)
    if flite:
        samples, rate = flite.say(rng, text)
    else:
        variants = HELD_OUT_VARIANTS if voice.endswith("held-out") else VARIANTS
        samples, rate = espeak(rng, language, text, variants)
    audio = at_telephone_rate(samples, rate)
    if audio is None or len(audio) > 5 * RATE:
        return None
    return audio, label


def main(folder, voices):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for voice in voices:
        language, count = PLAN[voice]
        rng = np.random.default_rng(sum(voice.encode()))
        flite = None if voice.startswith("espeak") else Flite(voice)
        audio, ends, labels, label_ends = [], [], [], []
        while len(audio) < count:
            made = utterance(rng, voice, language, flite)
            if made:
                audio.append(made[0])
                labels.append(np.array(made[1], np.uint8))
        np.savez(f"{folder}/{voice}.npz", audio=np.concatenate(audio), ends=np.cumsum([len(a) for a in audio]),
                 units=np.concatenate(labels), unit_ends=np.cumsum([len(l) for l in labels]), language=language)
        print(voice, len(audio), "utterances", sum(map(len, audio)) / RATE / 3600, "hours", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
