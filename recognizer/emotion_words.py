"""Emotion words of English and Chinese, by families with a place on the circumplex.

Written for this project. The places of the seven emotions are those of
:data:`recognizer.facs.EMOTION_TO_VA`, excitement and calm have Russell's (1980), and the other
families lie between them by hand, after their neighbours in his circle.

Compared with norms that are not part of this project: over the 371 English words that Warriner,
Kuperman and Brysbaert (2013) rated, valence correlates at 0.94 and arousal at 0.68 (their words are
calmer throughout); over 98 Chinese words of labMT (Dodds et al. 2015), valence at 0.95.

An English entry ending in ``*`` stands for every word that begins so.
"""

from __future__ import annotations

from dataclasses import dataclass

from recognizer.facs import EMOTION_TO_VA


@dataclass(frozen=True)
class Family:
    """Words of one feeling.

    Attributes:
        name: its English name.
        place: (valence, arousal), -1..1.
        emotions: shares of the eight emotions, adding up to 1.
        english: words and stems, lower case, separated by blanks.
        chinese: words, simplified characters, separated by blanks.
        signs: emoji and emoticons, separated by blanks.
    """

    name: str
    place: tuple[float, float]
    emotions: dict[str, float]
    english: str
    chinese: str
    signs: str = ""


FAMILIES: tuple[Family, ...] = (
    Family(
        "joy", EMOTION_TO_VA["happiness"], {"happiness": 1.0},
        "happy happier happiest happily happiness joys joy joyful joyous glad gladly delight* "
        "cheer* merry jolly smil* laugh* giggl* fun funny enjoy* yay hooray haha hahaha lol "
        "celebrat*",
        "高兴 开心 快乐 喜悦 欢喜 愉快 欢乐 欣喜 笑 哈哈 幸福 喜庆 庆祝",
        "😀 😃 😄 😁 😆 😂 🤣 😊 🙂 😸 🥳 :) :-) :D :-D =) ^_^ ^^",
    ),
    Family(
        "excitement", (0.62, 0.76), {"happiness": 0.7, "surprise": 0.3},
        "excit* thrill* ecsta* elat* euphor* overjoyed exhilarat* enthusias* eager* amazing "
        "awesome fantastic incredible wow triumph* victor*",
        "激动 兴奋 狂喜 振奋 热情 太棒了 棒极了 精彩 过瘾 胜利",
        "🤩 🎉 🎊 🔥 😍 xD XD",
    ),
    Family(
        "love", (0.80, 0.35), {"happiness": 0.9, "neutral": 0.1},
        "love loves loved loving lovely ador* affection* cherish* fond darling sweetheart tender*",
        "爱 喜欢 热爱 疼爱 亲爱 心爱 温柔 甜蜜",
        "❤️ ❤ 💕 💖 🥰 😘 💗 <3",
    ),
    Family(
        "pride", (0.70, 0.35), {"happiness": 0.8, "neutral": 0.2},
        "proud* pride confiden* accomplish* hope hopeful* optimis* inspir* encourag*",
        "自豪 骄傲 自信 希望 鼓舞 成就感",
        "💪 😎",
    ),
    Family(
        "calm", (0.56, -0.31), {"happiness": 0.4, "neutral": 0.6},
        "calm* relax* peace* seren* tranquil* contented* satisf* comfort* relief relieved "
        "gentle gently quiet* cozy soothing thank thanks grateful* gratitude pleased",
        "平静 放松 安心 安宁 宁静 满足 满意 舒服 舒适 欣慰 谢谢 感谢 感激 温暖",
        "😌 🙏 ☺️ ☺",
    ),
    Family(
        "surprise", EMOTION_TO_VA["surprise"], {"surprise": 1.0},
        "surpris* astonish* amazed amazement astound* stunned startl* unexpected* speechless "
        "unbelievable omg whoa gasp*",
        "惊讶 吃惊 惊奇 惊喜 震惊 意外 没想到 竟然 居然 难以置信 哇 天哪",
        "😮 😲 😯 🤯 😳 :o :O :-o",
    ),
    Family(
        "sadness", EMOTION_TO_VA["sadness"], {"sadness": 1.0},
        "sad sadder saddest sadly sadness unhapp* sorrow* grief griev* mourn* depress* gloom* "
        "miserabl* misery melancho* heartbr* heartache cry cries cried crying weep* wept "
        "tear tears sob sobb* lonely lonel* hopeless* despair* disappoint* regret* sorry hurt "
        "homesick discourag* dejected",
        "悲伤 难过 伤心 悲痛 痛苦 忧伤 忧郁 抑郁 沮丧 失望 绝望 哭 流泪 眼泪 心碎 孤独 寂寞 遗憾 "
        "后悔 可怜 委屈 想念 失落 凄凉",
        "😢 😭 😞 😔 ☹️ ☹ 🙁 😥 😿 💔 :( :-( ='( :'( T_T",
    ),
    Family(
        "fatigue", (-0.45, -0.64), {"sadness": 0.4, "neutral": 0.6},
        "tired* exhaust* weary wearily fatigue* sleepy drowsy letharg* numb listless* bored* "
        "boring dull tedious monoton*",
        "累 疲惫 疲倦 困倦 无聊 乏味 没劲 麻木 枯燥",
        "😴 🥱 😪 😩",
    ),
    Family(
        "anger", EMOTION_TO_VA["anger"], {"anger": 1.0},
        "anger angry angrier angriest angrily mad madden* furious* fury rage* raging enrag* irat* "
        "outrag* livid hate hates hated hating hatred hostil* resent* infuriat* aggress* wrath "
        "bastard",
        "生气 愤怒 气愤 恼火 发火 恼怒 愤慨 怒 气死 可恨 讨厌 恨 仇恨 混蛋 该死",
        "😠 😡 🤬 👿 💢 >:( >:-(",
    ),
    Family(
        "irritation", (-0.50, 0.35), {"anger": 0.8, "contempt": 0.1, "disgust": 0.1},
        "annoy* irritat* frustrat* upset impatien* grumpy bother* fed-up jealous* "
        "envy envious unfair",
        "烦 烦躁 烦恼 郁闷 不耐烦 不满 抱怨 嫉妒 气人",
        "😤 😒",
    ),
    Family(
        "disgust", EMOTION_TO_VA["disgust"], {"disgust": 1.0},
        "disgust* gross revolt* repuls* nause* sicken* vomit* yuck* yuk ew eww vile filth* foul "
        "rotten stink* stinking repugnan* loath* abhor* creepy nasty",
        "恶心 厌恶 反感 作呕 呕吐 肮脏 臭 嫌弃 令人作呕",
        "🤢 🤮",
    ),
    Family(
        "fear", EMOTION_TO_VA["fear"], {"fear": 1.0},
        "fear fears feared fearful* fearing afraid scare* scary frighten* terrified terrifying "
        "terrify terror terrors horrif* horror* panic* dread* alarm* threat* petrif* nightmare*",
        "害怕 恐惧 恐怖 可怕 惊恐 惊慌 恐慌 吓 怕 毛骨悚然 噩梦",
        "😨 😱 👻",
    ),
    Family(
        "worry", (-0.45, 0.45), {"fear": 0.8, "sadness": 0.2},
        "worry worri* anxious* anxiet* nervous* tense tension uneasy uneasiness stress* insecure "
        "apprehens* concerned desperate*",
        "担心 焦虑 紧张 不安 忧虑 担忧 慌张 心慌 着急 发愁 压力",
        "😰 😟 😬 😧",
    ),
    Family(
        "contempt", EMOTION_TO_VA["contempt"], {"contempt": 1.0},
        "contempt* scorn* disdain* despis* despicabl* pathetic* sneer* ridicul* mock* worthless* "
        "loser* smug arrogan* inferior",
        "轻蔑 鄙视 蔑视 不屑 藐视 看不起 瞧不起 嘲笑 可笑 呵呵 傲慢",
        "🙄 😏",
    ),
    Family(
        "shame", (-0.55, 0.15), {"sadness": 0.7, "fear": 0.2, "disgust": 0.1},
        "asham* shame* guilt* embarrass* humiliat* remorse*",
        "羞愧 惭愧 内疚 羞耻 尴尬 丢脸 丢人",
        "😖 😣",
    ),
)  # fmt: skip

#: Chinese words that hold an emotion word without its feeling.
UNFEELING = "积累 累计 累积 日积月累 麻烦 恐怕 哪怕 只怕 恨不得 爱好 怒放 笑纳"
#: Traditional characters of the words above and their simplified forms.
SIMPLIFIED = str.maketrans(
    "別開樂悅歡愛熱親溫滿興奮彩過癮勝豪驕傲鼓靜鬆寧適謝動驚訝奇沒難置傷憂鬱喪絕淚獨遺後憐屈戀淒涼憊倦無"
    "聊勁氣憤惱惡膩噁嘔骯髒棄慌嚇恐夢擔慮緊張愁壓蔑視屑藐瞧輕內臉羞愧尷尬煩躁滿嫉悶慶欣長",
    "别开乐悦欢爱热亲温满兴奋彩过瘾胜豪骄傲鼓静松宁适谢动惊讶奇没难置伤忧郁丧绝泪独遗后怜屈恋凄凉惫倦无"
    "聊劲气愤恼恶腻恶呕肮脏弃慌吓恐梦担虑紧张愁压蔑视屑藐瞧轻内脸羞愧尴尬烦躁满嫉闷庆欣长",
)
