"""What the synthetic callers say: words of everyday frequency, digits, and what hotlines hear."""

import functools

import jieba
import numpy as np
from pypinyin import Style, lazy_pinyin
from wordfreq import top_n_list, word_frequency

import units

DIGITS = "zero oh one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth
thirteenth fourteenth fifteenth twentieth thirtieth""".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday".split()
MONTHS = """january february march april may june july august september october november
december""".split()
LETTERS = [letter + "." for letter in "abcdefghijklmnopqrstuvwxyz"]
HUMAN = """operator|agent|representative|a person|human|a human|real person|speak to someone
customer service|talk to a person|speak to an agent|customer support|help desk|an operator please
i want to speak to a person|can i talk to a human|let me speak to a representative|service
receptionist|somebody|live person|banker|officer|an advisor|assistant""".replace("\n", "|").split("|")
SHORT = """yes|no|yeah|yep|nope|okay|correct|right|wrong|no thanks|yes please|that is right|sure
repeat|again|go back|back|main menu|help|stop|cancel|slower|please repeat|say that again|wait
hello|goodbye|thank you|pardon|i do not know|not now""".replace("\n", "|").split("|")
MENU = """track|where is my parcel|change delivery|redeliver|damaged|lost|refund|prices
collection point|another day|collect|neighbour|passport|identity card|documents|appointment|tax
fees|office|opening hours|report|broken|what to bring|applied|make|new|move|cancel|stolen
block my card|activate|new card|payment|transaction|branch|i have it|i do not have it|card
transfer|balance|billing|account|sales|technical support|store hours|order status|check my balance
pay my bill|money back|speak english|reset my password|internet|mobile|insurance|claim
delivery|complaint|booking|reservation|flight|ticket|subscription|upgrade""".replace("\n", "|").split("|")
BEFORE = "um|uh|i want to|i would like to|please|can you|hello|hi|well|i need|i need to".split("|")
AFTER = "please|thanks|thank you|now|today|if you can|for me".split("|")

ZH_DIGITS = "零一二三四五六七八九幺"
ZH_HUMAN = """人工|转人工|客服|人工客服|转接人工|人工服务|我要人工|找人工|接线员|话务员|客户经理|我要找客服
转人工服务|真人|请转人工|帮我转人工""".replace("\n", "|").split("|")
ZH_MENU = """查快递|查询包裹|更改派送|破损|丢失|退款|价格|自提点|更改|主菜单|改日|自提|邻居|身份证|护照|预约
税费|办事大厅|时间|报修|投诉|遗失|材料|已申请|新预约|取消|挂失|丢卡|激活|交易|扣款|网点|营业时间|知道|不知道
刷卡|转账|余额|查余额|缴费|账单|流量|宽带|充值|订单|退货|换货|发票|积分|会员|是|不是|是的|对|不对|好|好的|可以
不要|没有|有|重复|再说一遍|慢一点|返回|请再说一次|普通话|银行卡|信用卡|密码|重置密码|谢谢|你好""".replace("\n", "|").split("|")
ZH_BEFORE = "我要|我想|请|麻烦|那个|嗯|帮我|你好".split("|")
ZH_AFTER = "谢谢|吧|啊|好吗|可以吗".split("|")


@functools.cache
def english_words():
    """Common words that have a pronunciation, and how often each is drawn."""
    words = [w for w in top_n_list("en", 30000) if w.isalpha() and len(w) > 1 and w in units.dictionary()]
    weights = np.array([word_frequency(w, "en") for w in words]) ** 0.35
    return words, weights / weights.sum()


@functools.cache
def mandarin_words():
    """jieba's words of one to four characters, by frequency made flatter."""
    jieba.initialize()
    entries = [
        (word, count)
        for word, count in jieba.dt.FREQ.items()
        if count > 20 and 1 <= len(word) <= 4 and all("\u4e00" <= c <= "\u9fff" for c in word)
    ]
    weights = np.array([count for _, count in entries]) ** 0.35
    return [word for word, _ in entries], weights / weights.sum()


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def below_hundred(rng):
    number = rng.integers(100)
    if number < 10:
        return pick(rng, DIGITS)
    if number < 20:
        return TEENS[number - 10]
    tens = TENS[number // 10 - 2]
    return tens + " " + DIGITS[number % 10 + 1] if number % 10 else tens


def digits(rng):
    said = []
    for _ in range(rng.choice([1, 2, 3, 4, 5, 6, 8], p=[0.35, 0.15, 0.1, 0.15, 0.1, 0.1, 0.05])):
        said.append(pick(rng, DIGITS))
        if rng.random() < 0.06:
            said.insert(-1, pick(rng, ["double", "triple"]))
    return " ".join(said)


def figure(rng):
    kind = rng.integers(6)
    if kind == 0:
        return below_hundred(rng)
    if kind == 1:
        return f"{pick(rng, DIGITS[2:])} hundred and {below_hundred(rng)}"
    if kind == 2:
        return f"{pick(rng, MONTHS)} {pick(rng, ORDINALS)}"
    if kind == 3:
        return f"{pick(rng, ['next', 'this', 'on', ''])} {pick(rng, DAYS)} {pick(rng, ['', 'morning', 'afternoon', 'evening'])}"
    if kind == 4:
        return f"{below_hundred(rng)} {pick(rng, ['dollars', 'pounds', 'euros', 'cents', 'thousand', 'percent'])}"
    return f"{pick(rng, ['half past', 'quarter to', 'at', ''])} {below_hundred(rng)} {pick(rng, ['o clock', 'a. m.', 'p. m.', ''])}"


def wrapped(rng, phrase, before, after):
    if rng.random() < 0.25:
        phrase = pick(rng, before) + " " + phrase
    if rng.random() < 0.2:
        phrase += " " + pick(rng, after)
    return phrase


def english(rng):
    """One utterance as a list of words of the dictionary."""
    kind = rng.choice(
        ["words", "digits", "human", "menu", "figure", "letters", "short"],
        p=[0.52, 0.16, 0.07, 0.08, 0.08, 0.03, 0.06],
    )
    if kind == "words":
        words, weights = english_words()
        text = " ".join(rng.choice(words, p=weights, size=rng.choice([1, 2, 3, 4, 5, 6, 8])))
    elif kind == "digits":
        text = digits(rng)
    elif kind == "human":
        text = wrapped(rng, pick(rng, HUMAN), BEFORE, AFTER)
    elif kind == "menu":
        text = wrapped(rng, pick(rng, MENU), BEFORE, AFTER)
    elif kind == "figure":
        text = figure(rng)
    elif kind == "letters":
        text = " ".join(pick(rng, LETTERS) for _ in range(rng.integers(1, 6)))
    else:
        text = pick(rng, SHORT)
    return text.split()


def mandarin(rng):
    """One utterance as pinyin syllables with tone numbers."""
    kind = rng.choice(["words", "digits", "human", "menu"], p=[0.62, 0.14, 0.1, 0.14])
    if kind == "words":
        words, weights = mandarin_words()
        text = "".join(rng.choice(words, p=weights, size=rng.choice([1, 2, 3, 4])))
    elif kind == "digits":
        text = "".join(pick(rng, ZH_DIGITS) for _ in range(rng.choice([1, 2, 3, 4, 6, 8])))
        if rng.random() < 0.3:
            text = pick(rng, "一二三四五六七八九") + pick(rng, ["十", "百", "千", "点", "月", "号", "块", "万"]) + text[:1]
    elif kind == "human":
        text = wrapped(rng, pick(rng, ZH_HUMAN), ZH_BEFORE, ZH_AFTER)
    else:
        text = wrapped(rng, pick(rng, ZH_MENU), ZH_BEFORE, ZH_AFTER)
    text = text.replace(" ", "")
    return lazy_pinyin(text.replace("幺", "腰"), style=Style.TONE3, neutral_tone_with_five=True)
