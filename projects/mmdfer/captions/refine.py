"""Refinement of captions by rules: what gives the label away, boilerplate and untidy text are taken out."""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

RULES = Path(__file__).with_name('rules.yaml')
ABBREVIATIONS = {'dr', 'mr', 'mrs', 'ms', 'prof', 'vs', 'etc', 'approx', 'e.g', 'i.e'}
_CUT_OFF = re.compile(r'(?: (?:the|an?|his|her|their|its|to|of|in|on|at|into|from|by|for|with|and|or|as|while))+$',
                      re.IGNORECASE)
"""What a text that was cut off at the model's limit may end in."""
_VERB_BEFORE = re.compile(
    r'\b(?:is|are|was|were|be|looks?|seems?|appears?|feels?|becomes?|remains?|gets?|grows?|turns?)(?: \w+ly)?\s*$',
    re.IGNORECASE)
_PREPOSITION_BEFORE = re.compile(r'\b(?:of|in|with|from|to|into|as)\s*$', re.IGNORECASE)
_PATTERNS = ('refusals', 'wrapping', 'openings', 'sentences', 'phrases')
_LISTS = ('adjectives', 'adverbs', 'nouns', 'english')
PLAIN_SIGNS = {ord(sign): plain for sign, plain in zip('‘’“”–—', ("'", "'", '"', '"', '-', ', '))}


class Rules:
    """The rules of a file such as ``rules.yaml`` beside this module, which says what each part of it is.

    Args:
        path: the file.

    Raises:
        ValueError: for a file that is missing, lacks a part, or has a pattern that is no regular expression.
    """

    refusals: list[re.Pattern[str]]
    wrapping: list[re.Pattern[str]]
    sentences: list[re.Pattern[str]]
    phrases: list[re.Pattern[str]]
    openings: list[re.Pattern[str]]

    def __init__(self, path: str | Path = RULES) -> None:
        try:
            found = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ValueError(f'{path}: the rules cannot be read ({" ".join(str(error).split())[:150]}); start from '
                             f'{RULES}') from None
        lacking = [name for name in (*_PATTERNS, *_LISTS, 'limits') if name not in (found or {})]
        if lacking:
            raise ValueError(f'{path}: the rules lack {", ".join(lacking)}; start from {RULES}')
        for name in _LISTS:
            wrong = [word for word in found[name] if not isinstance(word, str)]
            if wrong:
                raise ValueError(f'{path}: {name}: {wrong[0]!r} is no word; put it in quotes, as YAML reads on, no and '
                                 'yes otherwise')
        words = {name: '|'.join(sorted(map(re.escape, found[name]), key=len, reverse=True)) for name in _LISTS}
        stands_for = dict(adjective=words['adjectives'], adverb=words['adverbs'], noun=words['nouns'],
                          feeling='|'.join(words[name] for name in ('adjectives', 'adverbs', 'nouns')))
        for name in _PATTERNS:
            setattr(self, name, [_compile(pattern, stands_for, f'{path}: {name}') for pattern in found[name]])
        self.limits: dict = found['limits']
        self.english = frozenset(found['english'])
        self.feelings = re.compile(rf'\b({stands_for["feeling"]})\b', re.IGNORECASE)
        removable = rf'(?:{stands_for["adjective"]}|{stands_for["adverb"]})'
        # "a sad and angry frown", "smiles happily": with the article before and the letter after, for "a" and "an".
        self.removable = re.compile(
            rf'(?:\b(?P<article>an?)\s+)?(?:\b(?:very|quite|really|slightly|somewhat|rather|more)\s+)?\b{removable}\b'
            rf'(?:(?:,? and|,? or|,|) {removable}\b)*(?=\s*(?P<next>\w?))', re.IGNORECASE)


def _compile(pattern: str, stands_for: dict[str, str], place: str) -> re.Pattern:
    for name, words in stands_for.items():
        pattern = pattern.replace(f'{{{name}}}', rf'\b(?:{words})\b')
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f'{place}: {pattern[:80]!r} is no regular expression ({error})') from None


@cache
def _nltk():
    """NLTK's tokenizers that need no data: sentences by Punkt with our abbreviations, words by the Treebank's rules."""
    try:
        from nltk.tokenize import TreebankWordTokenizer
        from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
        from nltk.tokenize.treebank import TreebankWordDetokenizer
    except ImportError:
        raise ImportError('captions are refined with NLTK, which is not there: pip install '
                          '"mmdfer[captions]"') from None
    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters), TreebankWordTokenizer(), TreebankWordDetokenizer()


def refine_text(text: str, rules: Rules) -> tuple[str, list[str]]:
    """A caption after the rules, and the names of the rules that changed it.

    Returns:
        The text, empty if nothing of it is about the face, and names of ``refusals``, ``wrapping``,
        ``openings``, ``sentences``, ``phrases``, ``emotion_words``, ``fragments``, ``duplicates`` and ``tidied``.
    """
    tidy = _tidy(text)
    changes: dict[str, None] = {}
    if any(pattern.search(tidy) for pattern in rules.refusals):
        return '', ['refusals']
    if not tidy:
        return '', []
    unwrapped = _remove(tidy, rules.wrapping, 'wrapping', changes).strip()
    refined = list(_sentences(unwrapped, rules, changes))
    result = ' '.join(refined)
    if not changes and result != text:
        changes['tidied'] = None
    return result, list(changes)


def split_words(text: str) -> list[str]:
    """Words of a text in lower case, without marks."""
    return [word.lower() for word in _nltk()[1].tokenize(text) if any(letter.isalnum() for letter in word)]


def _tidy(text: str) -> str:
    text = unicodedata.normalize('NFKC', text)
    text = text.translate(PLAIN_SIGNS)
    text = re.sub(r'(?m)^\s*(?:[-*•#]+|\d{1,2}[.)])\s+', '', text)        # marks of lists and headings
    text = re.sub(r'[*_`#]+', '', text)
    text = re.sub(r'\s*\n+\s*', lambda found: ' ', text)
    text = re.sub(r'(?<=[a-z])([.!?])(?=[A-Z])', r'\1 ', text)            # "rise.He" is two sentences
    text = re.sub(r'\b(\w+)( \1\b)+', r'\1', text, flags=re.IGNORECASE)   # "the the"
    return ' '.join(text.split())


def _sentences(text: str, rules: Rules, changes: dict[str, None]) -> Iterator[str]:
    splitter, _, _ = _nltk()
    seen = set()
    found = splitter.tokenize(text)
    for place, sentence in enumerate(found):
        if place and place == len(found) - 1 and not re.search(r'[.!?]["\')]*$', sentence):
            changes['fragments'] = None         # cut off by the model's limit
            continue
        bare = _open(sentence, rules, changes)
        if any(pattern.search(bare) for pattern in rules.sentences):
            changes['sentences'] = None
            continue
        bare = _remove(bare, rules.phrases, 'phrases', changes)
        shorter = _without_feelings(bare, rules)
        if shorter != bare:
            changes['emotion_words'] = None
        least = 1 if shorter == sentence else 3         # words; fewer are what rules left of a sentence
        shorter = _finish(shorter)
        words = split_words(shorter)
        if len(words) < least:
            changes['fragments'] = None
        elif tuple(words) in seen:
            changes['duplicates'] = None
        else:
            seen.add(tuple(words))
            yield shorter


def _open(sentence: str, rules: Rules, changes: dict[str, None]) -> str:
    """A sentence without its openings, of which there may be several in a row."""
    while True:
        shorter = sentence
        for pattern in rules.openings:
            found = pattern.match(shorter)
            if found:
                shorter = shorter[found.end():]
        if shorter == sentence:
            return sentence
        changes['openings'] = None
        sentence = shorter


def _remove(text: str, patterns: list[re.Pattern], name: str, changes: dict[str, None]) -> str:
    for pattern in patterns:
        shorter = pattern.sub(lambda found: found.groupdict().get('keep') or '', text)
        if shorter != text:
            changes[name] = None
        text = shorter
    return text


def _without_feelings(sentence: str, rules: Rules) -> str:
    def rest(found: re.Match) -> str:
        before = sentence[:found.start()]
        if _VERB_BEFORE.search(before) or not found['next'] and _PREPOSITION_BEFORE.search(before):
            return found[0]                 # "looks sad", "turns to sad.": the sentence would be none without it
        if not found['article']:
            return ''
        article = 'an' if found['next'].lower() in tuple('aeiou') else 'a'
        return article.capitalize() if found['article'][0].isupper() else article
    return rules.removable.sub(rest, sentence)


def _finish(sentence: str) -> str:
    """Marks and spaces put right by NLTK, a capital letter at the start and a mark at the end."""
    _, words, joiner = _nltk()
    sentence = re.sub(r'\s+([,.;:!?])', r'\1', ' '.join(sentence.split()))
    sentence = re.sub(r'[,;:]+(?=[,;:.!?])', '', sentence).strip(' ,;:-')
    sentence = re.sub(r'(?:,| and| or| but| with| while| as)+(?=[.!?]*$)', '', sentence)
    sentence = re.sub(r'^(?:and|or|but|,)\s+', '', sentence, flags=re.IGNORECASE)
    sentence = _CUT_OFF.sub('', sentence)
    sentence = joiner.detokenize(words.tokenize(sentence)).strip()
    if sentence and sentence[-1] not in '.!?"\')。！？':
        sentence += '.'
    return sentence[:1].upper() + sentence[1:]
